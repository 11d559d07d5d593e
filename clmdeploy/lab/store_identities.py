"""Who may do what at the lab's S3 server: its s3.json."""

from __future__ import annotations

import json

from clmdeploy.lab.facts import BACKUP_BUCKET, RELEASE_BUCKET, STATE_BUCKET, LabFacts

_OPERATED = (STATE_BUCKET, RELEASE_BUCKET)
_BUCKET = f"arn:aws:s3:::{BACKUP_BUCKET}"
_STATE, _RELEASES = (f"arn:aws:s3:::{bucket}" for bucket in _OPERATED)
_LISTING = ("s3:ListBucket", "s3:ListBucketMultipartUploads")
_READING = ("s3:GetObject", "s3:ListMultipartUploadParts")
_ADDING = ("s3:PutObject", "s3:AbortMultipartUpload")
_DELETING = ("s3:DeleteObject",)
# What somebody wrote over an object is still there: a restore must get past it.
_LISTING_VERSIONS = (*_LISTING, "s3:ListBucketVersions")
_READING_VERSIONS = (*_READING, "s3:GetObjectVersion")
_PROTECTION = ("s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration")
_Statement = dict[str, object]


def identities(facts: LabFacts) -> str:
    """The text of s3.json: an administrator for the lab itself, the operator with what a deploy needs, and the three
    keys of the backup host. What a policy does not allow is refused: none of them may touch older versions.
    """
    keys = facts.credentials
    allowed = [f"{action}:{bucket}" for bucket in _OPERATED for action in ("Read", "Write", "List")]
    return json.dumps({
        "identities": [
            _identity("admin", keys.admin_access_key, keys.admin_secret_key, actions=["Admin"]),
            _identity("operator", keys.operator_access_key, keys.operator_secret_key, actions=allowed),
            _identity("backup", keys.backup_access_key, keys.backup_secret_key, policyNames=["backup"]),
            _identity("archive", keys.archive_access_key, keys.archive_secret_key, policyNames=["archive"]),
            _identity("files", keys.files_access_key, keys.files_secret_key, policyNames=["files"]),
            _identity("schedule", keys.schedule_access_key, keys.schedule_secret_key, policyNames=["schedule"]),
        ],
        "policies": [
            _policy("backup", _allow((*_LISTING_VERSIONS, *_PROTECTION), ""),
                    _allow((*_READING_VERSIONS, *_ADDING, *_DELETING), "/*")),
            # Database hosts send WAL, nothing else; they read all that a restore needs.
            _policy("archive", _below("pgbackrest", _LISTING_VERSIONS), _allow(_READING_VERSIONS, "/pgbackrest/*"),
                    _allow(_ADDING, "/pgbackrest/archive/*")),
            _policy("files", _below("restic", _LISTING), _allow((*_READING, *_ADDING), "/restic/*"),
                    _allow(_DELETING, "/restic/*/locks/*")),
            # As docs/schedule.md gives it.
            {"name": "schedule", "content": json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{_STATE}/*"},
                {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{_RELEASES}/*"},
                {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [_STATE, _RELEASES]},
            ]})},
        ],
    })  # fmt: skip


def _identity(name: str, access_key: str, secret_key: str, **rights: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": access_key, "secretKey": secret_key}], **rights}


def _policy(name: str, *statements: _Statement) -> dict[str, str]:
    located = _allow(("s3:GetBucketLocation",), "")
    return {"name": name, "content": json.dumps({"Version": "2012-10-17", "Statement": [located, *statements]})}


def _allow(actions: tuple[str, ...], below: str) -> _Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": _BUCKET + below}


def _below(folder: str, actions: tuple[str, ...]) -> _Statement:
    prefixes = [folder, f"{folder}/*"]
    return {**_allow(actions, ""), "Condition": {"StringLike": {"s3:prefix": prefixes}}}
