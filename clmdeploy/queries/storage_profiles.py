"""What the buckets of an environment were last found to do, kept in its state bucket so that work can adapt.

Nobody signs that: what it says can make work slower or refuse it, never less safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import ValidationError

from clmdeploy.changes.ports import Missing, ObjectStore, Oversized
from clmdeploy.model.errors import StoreUnavailable
from clmdeploy.model.storage import StorageProfile
from clmdeploy.model.value import Value, canonical_json

_LARGEST = 64 * 1024


@dataclass(frozen=True)
class BucketName:
    """Which bucket of which storage."""

    endpoint: str
    bucket: str


class ProfileRecord(Value):
    """What is stored of one bucket."""

    format: Literal["profile/1"] = "profile/1"
    endpoint: str
    bucket: str
    at: str
    profile: StorageProfile


@dataclass(frozen=True)
class Profiles:
    """Those of one environment; `store` is its state bucket."""

    store: ObjectStore
    environment: str

    def keep(self, name: BucketName, profile: StorageProfile, at: datetime) -> None:
        """Keep in place of what was found earlier. Raises StoreUnavailable."""
        when = at.isoformat(timespec="seconds")
        record = ProfileRecord(endpoint=name.endpoint, bucket=name.bucket, at=when, profile=profile)
        self.store.put(self._key(name), canonical_json(record))

    def find(self, name: BucketName) -> StorageProfile | None:
        """None where nothing was ever found, or where it can't be read now: then nothing is presumed."""
        try:
            record = ProfileRecord.model_validate_json(self.store.get(self._key(name), _LARGEST).body)
        except (Missing, Oversized, StoreUnavailable, ValidationError):
            return None
        return record.profile if (record.endpoint, record.bucket) == (name.endpoint, name.bucket) else None

    def _key(self, name: BucketName) -> str:
        return f"{self.environment}/profiles/{name.bucket}"
