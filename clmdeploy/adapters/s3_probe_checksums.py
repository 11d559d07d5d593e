"""Which checksums of its own a storage takes, checks, or needs."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any, Literal

from clmdeploy.adapters.s3_client import make_client
from clmdeploy.adapters.s3_errors import code_of
from clmdeploy.adapters.s3_trial import Trial, refusal

_NEEDS_MD5 = ("InvalidRequest", "MissingContentMD5", "InvalidArgument")  # AWS's on locked buckets, and others'
_BODY = b"with a checksum"


def first_write(trial: Trial) -> Any:  # Any: botocore's parsed response
    """The first write of a trial, which goes on with Content-MD5 where nothing can be written without.

    Raises botocore's errors: refused keys, absent buckets and silence come to light here.
    """
    from botocore.exceptions import ClientError  # slow to import

    try:
        return trial.put(b"first")
    except ClientError as error:
        if code_of(error.response) not in _NEEDS_MD5:
            raise
    trial.announce_md5()
    return trial.put(b"first")


def content_md5(trial: Trial) -> Literal["verified", "ignored"] | None:
    """What becomes of a wrong Content-MD5; None when a right one is refused."""
    if refusal(lambda: trial.put(_BODY, ContentMD5=_md5(_BODY))):
        return None
    return "verified" if refusal(lambda: trial.put(_BODY, ContentMD5=_md5(b"other"))) else "ignored"


def checksums(trial: Trial) -> Literal["verified", "ignored", "refused"]:
    """What becomes of a CRC-32 in the head of a request."""
    if refusal(lambda: trial.put(_BODY, ChecksumCRC32=_crc32(_BODY))):
        return "refused"
    return "verified" if refusal(lambda: trial.put(_BODY, ChecksumCRC32=_crc32(b"other"))) else "ignored"


def trailers(trial: Trial) -> bool:
    """Whether an object is whole that boto3 sent its default way: in chunks, with its checksum behind them.

    Some storages refuse that; others take the chunks' frames for bytes of the object.
    """
    default = make_client(trial.connection, 1, checksums="when_supported")
    if refusal(lambda: default.put_object(Bucket=trial.bucket, Key=trial.key, Body=_BODY)):
        return False
    with trial.client.get_object(Bucket=trial.bucket, Key=trial.key)["Body"] as stream:
        return bool(stream.read(len(_BODY) + 1) == _BODY)


def _crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
