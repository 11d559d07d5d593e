"""Finds out what a bucket can do, by trying it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from clmdeploy.adapters.s3_conditional import ConditionalWriter
from clmdeploy.adapters.s3_errors import clock_skew, code_of, status_of
from clmdeploy.adapters.s3_steady import etag_of
from clmdeploy.model.storage import StorageProfile

_OTHER_ETAG = '"0123456789abcdef0123456789abcdef"'


def probe(client: Any, writer: ConditionalWriter) -> StorageProfile:  # Any: boto3 makes its clients at run time
    """Writes, overwrites and removes one object of an unguessable name. Raises botocore's errors for other failures."""
    key = f"clmdeploy-probe/{secrets.token_hex(16)}"
    answer = client.put_object(Bucket=writer.bucket, Key=key, Body=b"first")
    try:
        return StorageProfile(
            conditional_create=_keeps(lambda: writer.create(key, b"second")),
            conditional_match=_keeps(lambda: writer.replace(key, b"third", _OTHER_ETAG))
            and _matches(client, writer, key),
            clock_skew_seconds=clock_skew(answer) or 0.0,
        )
    finally:
        _remove(client, writer.bucket, key)


def _keeps(write: Callable[[], str]) -> bool:
    """Whether the storage refuses a write whose condition does not hold; one that knows no conditions just writes."""
    from botocore.exceptions import ClientError  # slow to import

    try:
        write()
    except ClientError as error:
        if code_of(error.response) in ("PreconditionFailed", "412"):
            return True
        if status_of(error.response) in (400, 501):  # NotImplemented, InvalidArgument
            return False
        raise
    return False


def _matches(client: Any, writer: ConditionalWriter, key: str) -> bool:  # Any: as above
    """Whether a write passes whose condition does hold: else every lease would be lost at its first heartbeat."""
    answer = client.put_object(Bucket=writer.bucket, Key=key, Body=b"fourth")
    etag = etag_of(answer, client.meta.endpoint_url)
    return not _keeps(lambda: writer.replace(key, b"fifth", etag))


def _remove(client: Any, bucket: str, key: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.delete_object(Bucket=bucket, Key=key)
    except (BotoCoreError, ClientError):
        return  # writers that may not delete are what a careful operator gives us; the object is a few bytes
