"""What buckets were found to do is kept, and believed only of the very bucket."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.model.errors import StoreUnavailable
from clmdeploy.queries.storage_profiles import BucketName, Profiles
from tests.unit.queries.test_doctor import ABLE

NAME = BucketName("https://s3.example.com", "clm-releases")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_what_was_kept_is_found() -> None:
    """The latest counts."""
    profiles = Profiles(MemoryStore(), "lab")
    assert profiles.find(NAME) is None
    profiles.keep(NAME, ABLE, NOW)
    poor = ABLE.model_copy(update={"conditional_create": False, "trailers": False})
    profiles.keep(NAME, poor, NOW)
    assert profiles.find(NAME) == poor


def test_another_storage_with_a_bucket_of_the_same_name_is_another() -> None:
    """After a move nothing is presumed until doctor has looked."""
    profiles = Profiles(MemoryStore(), "lab")
    profiles.keep(NAME, ABLE, NOW)
    assert profiles.find(BucketName("https://elsewhere.example.com", "clm-releases")) is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"format": "profile/9"}', b"x" * 70_000])
def test_rubbish_is_not_believed(body: bytes) -> None:
    """Nothing is presumed then, and nobody is held up."""
    store = MemoryStore()
    store.put("lab/profiles/clm-releases", body)
    assert Profiles(store, "lab").find(NAME) is None


def test_a_silent_storage_holds_nobody_up() -> None:
    """The release bucket may well answer."""

    class Silent(MemoryStore):
        def get(self, key: str, limit: int = 0) -> None:  # type: ignore[override]  # never returns
            raise StoreUnavailable(f"{key}: does not answer {limit}")

    assert Profiles(Silent(), "lab").find(NAME) is None
