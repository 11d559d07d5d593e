"""Reads an S3 storage with nothing but the standard library: signed requests (AWS Signature Version 4), lists, streams.

The backup host alone has the keys, and acts bring no libraries. Only GET is spoken here: nothing can be changed.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
import urllib.parse
import xml.etree.ElementTree
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from .call import ActError, Json

T = TypeVar("T")
CHUNK = 1024 * 1024
TRIES = 4
PATIENCE = 30.0  # seconds without a byte
MOST_LISTED = 8 * 1024 * 1024  # bytes of one answer: 1,000 keys of the longest names stay below
_EMPTY = hashlib.sha256(b"").hexdigest()
_SAFE = "-_.~"


class Storage(NamedTuple):
    """A bucket, and the keys to it. Never logged, never returned."""

    host: str
    port: int
    bucket: str
    region: str
    path_style: bool
    authority: str | None
    """certificates in PEM; None: the system's"""
    access_key: str
    secret_key: str
    secure: bool = True


class Refused(Exception):
    """The storage answers, and not with what was asked for; `status` is HTTP's."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"HTTP {status} {code}".strip())
        self.status = status


class Item(NamedTuple):
    """An object as the storage lists it; `modified` is its own time, as it writes it."""

    key: str
    size: int
    etag: str
    modified: str


class Page(NamedTuple):
    """Some of what lies below a prefix; `more`: where the next begins, in the storage's own words."""

    items: list[Item]
    folders: list[str]
    more: str


def storage_of(place: Json, keys: dict[str, str]) -> Storage:
    """From an act's arguments: endpoint, bucket, region, path_style, authority. Raises ActError."""
    address = urllib.parse.urlsplit(place["endpoint"])
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ActError("the storage's endpoint is no http(s) address")
    secure = address.scheme == "https"
    return Storage(
        address.hostname, address.port or (443 if secure else 80), place["bucket"], place["region"],
        bool(place["path_style"]), place["authority"], keys["access_key"], keys["secret_key"], secure,
    )  # fmt: skip


class Reader:
    """One connection, kept open between requests; not to be shared between threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def page(self, prefix: str, more: str = "", *, folders: bool = False) -> Page:
        """What lies below `prefix`, from `more` on. `folders`: what has a further slash is folded into one."""
        query = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
        if more:
            query["continuation-token"] = more
        if folders:
            query["delimiter"] = "/"
        return _page(self._retried(lambda: self._all(query)))

    def chunks(self, key: str, size: int) -> Iterator[bytes]:
        """An object's bytes, once. More than a chunk beyond `size` is not read.

        Raises Refused, OSError, HTTPException; also when fewer bytes come than the storage has announced.
        """
        response = self._ask(key, {})
        announced, received = response.length, 0
        try:
            while received <= size and (chunk := response.read(CHUNK)):
                received += len(chunk)
                yield chunk
        except BaseException:
            self.close()
            raise
        if not response.isclosed():
            self.close()  # the rest is not wanted
        if announced is not None and received < min(announced, size):
            self.close()
            raise http.client.IncompleteRead(b"", announced - received)

    def answers(self, key: str) -> bool:
        """Whether one byte of this object comes: then the storage is well, whatever is wrong with another object."""
        try:
            self._retried(lambda: self._ask(key, {}, "bytes=0-0").read(CHUNK))
        except (Refused, OSError, http.client.HTTPException):
            return False
        finally:
            self.close()
        return True

    def _retried(self, act: Callable[[], T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return act()
            except (Refused, OSError, http.client.HTTPException) as error:
                self.close()
                if attempt == TRIES or is_final(error):
                    raise
                time.sleep(0.3 * 2**attempt)
        raise ActError("no try was made")

    def _all(self, query: dict[str, str]) -> bytes:
        body = self._ask("", query).read(MOST_LISTED + 1)
        if len(body) > MOST_LISTED:
            raise ActError("the storage's listing is larger than any that was asked for")
        return bytes(body)

    def _ask(self, key: str, query: dict[str, str], span: str = "") -> http.client.HTTPResponse:
        host, path = _place(self._storage, key)
        target = path + (f"?{_query(query)}" if query else "")
        headers = signed(self._storage, host, path, query, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
        if span:
            headers["Range"] = span
        connection = self._connected()
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        if response.status not in (200, 206):
            code = _error_code(response.read(64 * 1024))
            raise Refused(response.status, code)
        return response

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = _place(self._storage, "")[0].rpartition(":")[0].strip("[]"), self._storage.port
            if self._storage.secure:
                context = ssl.create_default_context(cadata=self._storage.authority)
                self._connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        return self._connection


def is_final(error: Exception) -> bool:
    """Whether another try can't help."""
    return isinstance(error, Refused) and error.status < 500 and error.status not in (408, 429)


def reason(error: Exception) -> str:
    """In words, without any address."""
    return str(error)[:200] or type(error).__name__


def signed(storage: Storage, host: str, path: str, query: dict[str, str], moment: str) -> dict[str, str]:
    """The headers of a GET without a body (docs.aws.amazon.com, Signature Version 4). `moment`: 20260131T235959Z."""
    day = moment[:8]
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment}
    names = ";".join(headers)
    told = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join(("GET", path, _query(query), told, names, _EMPTY))
    scope = f"{day}/{storage.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{storage.secret_key}".encode()
    for part in (day, storage.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{storage.access_key}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {
        "Host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": moment, "Authorization": authorization,
        "Accept-Encoding": "identity",
    }  # fmt: skip


def _place(storage: Storage, key: str) -> tuple[str, str]:
    """Host with port, and path, as they are signed."""
    name = f"[{storage.host}]" if ":" in storage.host else storage.host
    quoted = urllib.parse.quote(key, safe=_SAFE + "/")
    if storage.path_style:
        return f"{name}:{storage.port}", f"/{storage.bucket}/{quoted}" if key else f"/{storage.bucket}"
    return f"{storage.bucket}.{name}:{storage.port}", f"/{quoted}"


def _query(query: dict[str, str]) -> str:
    quote = urllib.parse.quote
    return "&".join(f"{quote(key, safe=_SAFE)}={quote(value, safe=_SAFE)}" for key, value in sorted(query.items()))


def _page(body: bytes) -> Page:
    try:
        root = xml.etree.ElementTree.fromstring(body)  # noqa: S314  # bounded, from a storage that has the keys' trust
    except xml.etree.ElementTree.ParseError as error:
        raise ActError(f"the storage's listing is no XML: {error}") from None
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if root.tag != space + "ListBucketResult":
        raise ActError("what the storage sent is no listing")

    def text(node: xml.etree.ElementTree.Element, name: str) -> str:
        return node.findtext(space + name) or ""

    items = [
        Item(text(one, "Key"), int(text(one, "Size")), text(one, "ETag").strip('"'), text(one, "LastModified"))
        for one in root.findall(space + "Contents")
    ]
    folders = [text(one, "Prefix") for one in root.findall(space + "CommonPrefixes")]
    return Page(items, folders, text(root, "NextContinuationToken") if text(root, "IsTruncated") == "true" else "")


def _error_code(body: bytes) -> str:
    """S3's own word for what went wrong, like NoSuchKey; empty where it says none."""
    begin, _, rest = body.partition(b"<Code>")
    code = rest.partition(b"</Code>")[0].decode("ascii", "replace") if begin != body else ""
    return code if code.isalnum() and len(code) < 60 else ""
