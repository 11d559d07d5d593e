"""What a storage was found to be able to do."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clmdeploy.model.value import Value

Addressing = Literal["path", "virtual"]


class Retention(Value):
    """What object lock does to every new object of a bucket by itself."""

    mode: Literal["governance", "compliance"]
    days: int = Field(ge=1)


class StorageProfile(Value):
    """Of one bucket, as the keys that asked see it; None: they may not ask, or the storage does not answer that."""

    conditional_create: bool
    conditional_match: bool
    clock_skew_seconds: float = Field(description="the storage's clock minus ours, to about a second")
    versioning: Literal["on", "suspended", "off"] | None = None
    object_lock: bool | None = None
    retention: Retention | None = Field(None, description="of new objects by themselves; None: none that we know of")
    removes_versions: bool | None = Field(None, description="whether these keys remove a version for good")
    checksums: Literal["verified", "ignored", "refused"] | None = Field(
        None, description="what becomes of a checksum in a request's head, as of a wrong one"
    )
    trailers: bool | None = Field(
        None, description="whether checksums behind the body, boto3's default, are understood"
    )
    content_md5: Literal["needed", "verified", "ignored"] | None = None
    smallest_part: int | None = Field(None, description="bytes of a part that is not the last")
    most_parts: int | None = Field(None, description="of one object, as far as was tried")
    addressing: tuple[Addressing, ...] = Field((), description="ways of naming the bucket that were tried and work")
    left: int = Field(0, description="objects and versions of the probe that could not be removed")

    @property
    def conditional_writes(self) -> bool:
        """Whether leases and journal may live here."""
        return self.conditional_create and self.conditional_match

    @property
    def locked(self) -> bool:
        """Whether what is written stays for a while, whoever wants to remove it."""
        return bool(self.object_lock and self.retention)


class KeyRights(Value):
    """Of keys that a server on the backup host uses for others. `own`: they are not those of the jobs."""

    own: bool
    may_delete: bool = True
