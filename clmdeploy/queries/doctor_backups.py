"""Judges what keeps restore points safe from whoever gets the storage's keys. Pure.

pgBackRest's own protocol can remove: only what lies beyond all keys of the backup host makes its repository immutable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clmdeploy.model.checks import Check
from clmdeploy.model.storage import KeyRights, StorageProfile
from clmdeploy.queries.doctor_storage import check, storage_checks

_LOCK = "switch on versioning and object lock with a default retention (compliance) on this bucket"
_WHO = {
    "archive": "database hosts reach (root there can get them)",
    "files": "file backups go through",
}


def backup_checks(bucket: str, profile: StorageProfile, keys: Mapping[str, KeyRights]) -> list[Check]:
    """`keys`: what is known of backup.storage.archive and .files, by name."""
    return [
        *storage_checks(bucket, profile, "backups"),
        _immutability(bucket, profile),
        *_keys(bucket, keys),
    ]


def _immutability(bucket: str, profile: StorageProfile) -> Check:
    """Whether it may be claimed that nobody with the keys of the backup host can destroy what is stored."""
    name, retention = "immutability", profile.retention
    if profile.locked and retention and profile.removes_versions is False:
        beyond = "nobody" if retention.mode == "compliance" else "nobody without the right to bypass governance"
        return check(bucket, name, "ok", f"{beyond} can remove what is stored for {retention.days} d")
    if profile.removes_versions is False:
        return check(bucket, name, "ok", "these keys can't remove older versions; whoever else may is not known")
    return check(bucket, name, "warn", f"can't be claimed: {_gap(profile)}", _LOCK)


def _gap(profile: StorageProfile) -> str:
    if profile.locked:
        return "object lock is said to be on, but these keys removed a version all the same"
    if profile.versioning == "on":
        return "versions are kept, but these keys may remove them, so whoever gets these keys can destroy all backups"
    if profile.versioning is None:
        return "these keys may not ask whether versions are kept"
    return "no versions are kept, so whoever gets the backup host's keys can destroy all backups"


def _keys(bucket: str, keys: Mapping[str, KeyRights]) -> Iterator[Check]:
    for name, rights in keys.items():
        setting = f"backup.storage.{name}"
        remedy = f"give {setting} keys of its own that may read and write, but not delete"
        if not rights.own:
            finding = f"not set: the server that {_WHO[name]} has the keys of the jobs, which may delete"
            yield check(bucket, f"keys: {name}", "warn", finding, remedy)
        elif rights.may_delete:
            finding = f"the keys of the server that {_WHO[name]} may delete"
            yield check(bucket, f"keys: {name}", "warn", finding, remedy)
        else:
            yield check(bucket, f"keys: {name}", "ok", "may not delete backups")
