"""Finds out what a bucket can do, by trying it."""

from __future__ import annotations

from collections.abc import Callable

from clmdeploy.adapters.s3_errors import clock_skew
from clmdeploy.adapters.s3_probe_checksums import checksums, content_md5, first_write, trailers
from clmdeploy.adapters.s3_probe_parts import part_limits
from clmdeploy.adapters.s3_probe_places import addressing, lock, versioning
from clmdeploy.adapters.s3_steady import etag_of
from clmdeploy.adapters.s3_trial import Trial, refusal
from clmdeploy.model.storage import StorageProfile

_OTHER_ETAG = '"0123456789abcdef0123456789abcdef"'


def probe(trial: Trial) -> StorageProfile:
    """Writes and removes a few small objects. Raises botocore's errors where the bucket can't be used at all.

    About twenty requests, each tried once. What could not be removed again is counted in the profile.
    """
    try:
        answer = first_write(trial)
        found = _found(trial)
    finally:
        versions = versioning(trial)
        removed = trial.clean(versioned=versions in ("on", "suspended"))
    return found.model_copy(
        update={
            "clock_skew_seconds": clock_skew(answer) or 0.0,
            "versioning": versions,
            "removes_versions": None if versions == "off" else removed.versions,
            "left": removed.left,
        }
    )


def _found(trial: Trial) -> StorageProfile:
    create = _keeps(lambda: trial.writer.create(trial.key, b"second"))
    match = _keeps(lambda: trial.writer.replace(trial.key, b"third", _OTHER_ETAG)) and _matches(trial)
    locked, retention = lock(trial)
    smallest, most = part_limits(trial)
    return StorageProfile(
        conditional_create=create, conditional_match=match, clock_skew_seconds=0.0,
        object_lock=locked, retention=retention, checksums=checksums(trial), trailers=trailers(trial),
        content_md5="needed" if trial.connection.content_md5 else content_md5(trial),
        smallest_part=smallest, most_parts=most, addressing=addressing(trial),
    )  # fmt: skip


def _keeps(write: Callable[[], str]) -> bool:
    """Whether the storage refuses a write whose condition does not hold; one that knows no conditions just writes."""
    return refusal(write) in ("PreconditionFailed", "412")


def _matches(trial: Trial) -> bool:
    """Whether a write passes whose condition does hold: else every lease would be lost at its first heartbeat."""
    etag = etag_of(trial.put(b"fourth"), trial.connection.endpoint)
    return not _keeps(lambda: trial.writer.replace(trial.key, b"fifth", etag))
