"""The append-only gateway to the backup storage, as a host reaches it: with its own certificate, in its own folder.

What is there can't be overwritten: whoever sends the same once more is told so, and asks whether it is all there.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable
from typing import TypeVar

from .call import ActError

T = TypeVar("T")
HOME = "/etc/clm-backup"
TRIES = 6  # with a pause that doubles: a minute without the backup host is outlasted
PATIENCE = 120.0  # seconds without a byte
MOST = 64 * 1024 * 1024  # bytes of one object
_LISTING = "application/vnd.x.restic.rest.v2"
_ABSENT, _THERE = 404, 403


class Gateway:
    """One connection; not to be shared between threads. `address`: rest:https://BACKUPHOST:PORT/HOST/."""

    def __init__(self, address: str, home: str = HOME) -> None:
        parsed = urllib.parse.urlsplit(address.partition("rest:")[2])
        if parsed.scheme != "https" or not parsed.hostname:
            raise ActError(f"{address[:80]!r} is no address of the gateway")
        self._place, self._folder, self._home = (parsed.hostname, parsed.port or 443), parsed.path.rstrip("/"), home
        self._connection: http.client.HTTPSConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def put(self, name: str, body: bytes) -> None:
        """Returns once all of it is stored under this name. Raises ActError."""

        def act() -> None:
            status, said = self._ask("POST", name, body)
            if status == _THERE and self.size(name) == len(body):
                return
            if status != 200:
                raise _Refused(status, said)

        self._retried(name, act)

    def size(self, name: str) -> int | None:
        """In bytes; None where there is no such object."""
        response = self._request("HEAD", name, b"", {})
        response.read()
        if response.status not in (200, _ABSENT):
            raise _Refused(response.status, b"")
        return None if response.status == _ABSENT else int(response.headers["Content-Length"])

    def get(self, name: str) -> bytes | None:
        """None where there is no such object. Raises ActError."""

        def act() -> bytes | None:
            status, said = self._ask("GET", name, b"")
            if status not in (200, _ABSENT):
                raise _Refused(status, said)
            return None if status == _ABSENT else said

        return self._retried(name, act)

    def sizes(self, folder: str) -> dict[str, int]:
        """Of all that lies in a folder, by name. Raises ActError."""

        def act() -> dict[str, int]:
            status, said = self._ask("GET", f"{folder}/", b"", {"Accept": _LISTING})
            if status != 200:
                raise _Refused(status, said)
            return {one["name"]: one["size"] for one in json.loads(said)}

        return self._retried(folder, act)

    def _retried(self, name: str, act: Callable[[], T]) -> T:
        for attempt in range(1, TRIES + 1):
            try:
                return act()
            except (OSError, http.client.HTTPException, _Refused, ValueError) as error:
                self.close()
                if attempt == TRIES or (isinstance(error, _Refused) and error.is_final):
                    raise ActError(f"the gateway of the backup host: {name}: {error}") from None
                time.sleep(2.0**attempt)
        raise ActError("no try was made")

    def _ask(self, method: str, name: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        response = self._request(method, name, body, headers or {})
        said = response.read(MOST + 1)
        if len(said) > MOST:
            self.close()
            raise _Refused(response.status, b"it sends more than any object that was stored has")
        return response.status, said

    def _request(self, method: str, name: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = self._connected()
        connection.request(method, f"{self._folder}/{name}", body if method == "POST" else None, headers)
        return connection.getresponse()

    def _connected(self) -> http.client.HTTPSConnection:
        if self._connection is None:
            context = ssl.create_default_context(cafile=f"{self._home}/tls/ca.pem")
            context.load_cert_chain(f"{self._home}/tls/client.pem")
            self._connection = http.client.HTTPSConnection(*self._place, timeout=PATIENCE, context=context)
        return self._connection


class _Refused(Exception):
    """It answers, and not with what was asked for."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(f"HTTP {status} {said[:200].decode(errors='replace').strip()}".strip())
        self.is_final = 400 <= status < 500 and status not in (408, 429)
