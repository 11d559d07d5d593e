"""Requests to the storage, as the backup host signs them with the standard library alone."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from clmdeploy.hostside.acts import s3
from clmdeploy.hostside.acts.call import ActError

PLACE = {
    "endpoint": "https://s3.example.com:8334",
    "bucket": "clm-backups",
    "region": "ru-1",
    "path_style": True,
    "authority": None,
}
KEYS = {"access_key": "AK", "secret_key": "a/secret+key"}


@pytest.mark.parametrize(
    ("key", "query"),
    [
        ("restic/db1/data/ab/abcd", {}),
        ("odd/a b+c=d&e?f#g%20~é", {}),
        ("", {"list-type": "2", "prefix": "pg backrest/+", "continuation-token": "a/b==", "max-keys": "1000"}),
    ],
)
@pytest.mark.parametrize("path_style", [True, False])
def test_it_signs_as_botocore_does(
    key: str, query: dict[str, str], path_style: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same headers, whatever characters a key has, in both ways of addressing."""
    storage = s3.storage_of({**PLACE, "path_style": path_style}, KEYS)
    host, path = s3._place(storage, key)
    ours = s3.signed(storage, host, path, query, "20260131T235959Z")
    theirs = botocore_headers(f"https://{host}{path}" + (f"?{s3._query(query)}" if query else ""), monkeypatch)
    assert ours["Authorization"].split("Signature=")[1] == theirs["Authorization"].split("Signature=")[1]


def botocore_headers(url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Signed at the same moment."""
    auth = SigV4Auth(Credentials(KEYS["access_key"], KEYS["secret_key"]), "s3", PLACE["region"])
    monkeypatch.setattr(auth, "_modify_request_before_signing", lambda _request: None)
    monkeypatch.setattr(auth, "_normalize_url_path", lambda path: path)  # S3's keys are taken as they are
    request = AWSRequest("GET", url, headers={"x-amz-content-sha256": s3._EMPTY, "X-Amz-Date": "20260131T235959Z"})
    request.context["timestamp"] = "20260131T235959Z"
    canonical = auth.canonical_request(request)
    signature = auth.signature(auth.string_to_sign(request, canonical), request)
    return {"Authorization": f"Signature={signature}"}


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    """Before anything is sent anywhere."""
    with pytest.raises(ActError, match="no http"):
        s3.storage_of({**PLACE, "endpoint": "file:///etc/passwd"}, KEYS)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<Error><Code>NoSuchKey</Code></Error>", "NoSuchKey"),
        (b"<html>", ""),
        (b"<Code>no such</Code>", ""),
        (b"", ""),
    ],
)
def test_errors_are_told_by_the_storages_own_word(body: bytes, code: str) -> None:
    """And never by what else it says, which may be anything."""
    assert s3._error_code(body) == code


def test_rubbish_is_no_listing() -> None:
    """A page of a captive portal must not look like an empty bucket."""
    with pytest.raises(ActError, match="no XML"):
        s3._page(b"<html><body>sign in here")
    with pytest.raises(ActError, match="no listing"):
        s3._page(b"<html><body>sign in here</body></html>")
