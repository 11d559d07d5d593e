"""One trial of a bucket: objects of an unguessable name, and their removal whatever happened."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from clmdeploy.adapters.s3_client import S3Connection, make_client
from clmdeploy.adapters.s3_conditional import ConditionalWriter
from clmdeploy.adapters.s3_errors import code_of, status_of

_MOST_VERSIONS = 100  # of a trial; it writes about ten


@dataclass(frozen=True)
class Removal:
    """What became of the objects of a trial. `versions`: whether older versions could be removed; None: not known."""

    left: int
    versions: bool | None


@dataclass
class Trial:
    """Requests are made once: what the storage says at once is what is asked for."""

    connection: S3Connection
    bucket: str
    client: Any  # Any: boto3 makes its clients at run time
    writer: ConditionalWriter
    prefix: str = ""
    key: str = field(init=False)

    def __post_init__(self) -> None:
        name = f"clmdeploy-probe/{secrets.token_hex(16)}"
        self.key = f"{self.prefix}/{name}" if self.prefix else name

    def put(self, body: bytes, **headers: str) -> Any:  # Any: botocore's parsed response
        """Write the trial's object. Raises botocore's errors."""
        return self.client.put_object(Bucket=self.bucket, Key=self.key, Body=body, **headers)

    def announce_md5(self) -> None:
        """From now on every body is announced with its MD5."""
        self.connection = replace(self.connection, content_md5=True)
        self.client = self.writer.client = make_client(self.connection, 1)

    def clean(self, *, versioned: bool) -> Removal:
        """Remove what was written, every version of it; never raises botocore's errors."""
        if not versioned:
            return Removal(0 if self._remove() else 1, None)
        found = self._versions()
        kept = [version for version in found or () if not self._remove(VersionId=version)]
        if found is None or kept:
            self._remove()  # hides what stays
        return Removal(len(kept), None if not found else not kept)

    def _versions(self) -> list[str] | None:
        """Older and present versions of the object; None where these keys may not ask."""
        from botocore.exceptions import BotoCoreError, ClientError  # slow to import

        try:
            answer = self.client.list_object_versions(Bucket=self.bucket, Prefix=self.key, MaxKeys=_MOST_VERSIONS)
        except (BotoCoreError, ClientError):
            return None
        return [version["VersionId"] for kind in ("Versions", "DeleteMarkers") for version in answer.get(kind, ())]

    def _remove(self, **version: str) -> bool:
        """Whether it went. Writers that may not delete are what a careful operator gives us."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.delete_object(Bucket=self.bucket, Key=self.key, **version)
        except (BotoCoreError, ClientError):
            return False
        return True


def refusal(act: Callable[[], object]) -> str | None:
    """The code with which the storage refuses; None when it doesn't. Raises botocore's errors for its troubles."""
    from botocore.exceptions import ClientError  # slow to import

    try:
        act()
    except ClientError as error:
        status = status_of(error.response)
        if status == 429 or (status >= 500 and status != 501):  # 501: NotImplemented
            raise
        return code_of(error.response)
    return None


def may_delete(client: Any, bucket: str, prefix: str) -> bool:  # Any: boto3 makes its clients at run time
    """Whether removing below `prefix` is allowed, tried on an object that does not exist. Raises botocore's errors.

    Where versions are kept, removing what is not there leaves a mark, which is removed.
    """
    place, answers = {"Bucket": bucket, "Key": f"{prefix}/clmdeploy-probe-{secrets.token_hex(8)}"}, []
    if refusal(lambda: answers.append(client.delete_object(**place))):
        return False
    if mark := answers[0].get("VersionId"):
        refusal(lambda: client.delete_object(**place, VersionId=mark))
    return True
