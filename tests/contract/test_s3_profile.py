"""What the probe finds out of real servers, good and poor, and that it leaves nothing behind where it can."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.adapters.clock import SystemClock
from clmdeploy.adapters.s3 import S3Store
from clmdeploy.adapters.s3_client import S3Connection
from clmdeploy.changes.events import Who
from clmdeploy.changes.lease import Leases
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.turns import Request
from clmdeploy.model.errors import StoreRefused
from clmdeploy.model.storage import Retention
from clmdeploy.queries.doctor_backups import backup_checks
from clmdeploy.queries.doctor_storage import storage_checks
from tests.contract.conftest import BUCKET

MEBIBYTE = 1024**2


def versions(store: S3Store) -> list[str]:
    """Of every object of the probe that is still there, hidden ones included."""
    answer = store._client.list_object_versions(Bucket=store.bucket, Prefix="clmdeploy-probe/")
    return [entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in answer.get(kind, ())]


def test_a_good_storage(s3_server: Any) -> None:
    """Conditions, checksums and parts as S3 has them, clocks together, nothing left behind."""
    store = s3_server.store()
    profile = store.probe_profile()
    assert profile.conditional_writes
    assert abs(profile.clock_skew_seconds) < 5
    assert (profile.checksums, profile.trailers, profile.content_md5) == ("verified", True, "verified")
    assert (profile.smallest_part, profile.most_parts) == (5 * MEBIBYTE, 10_000)
    assert (profile.versioning, profile.left, profile.addressing) == ("off", 0, ("path",))
    assert list(store.keys("clmdeploy-probe/")) == []


def test_a_versioned_bucket(s3_server: Any) -> None:
    """Every version of the probe goes, and that these keys could do that is told."""
    store = s3_server.keeper(s3_server.versioned)
    profile = store.probe_profile()
    assert (profile.versioning, profile.removes_versions, profile.left) == ("on", True, 0)
    assert versions(store) == []


def test_a_locked_bucket(s3_server: Any) -> None:
    """What the lock keeps is hidden, counted and told; the claim of immutability rests on having tried."""
    store = s3_server.keeper(s3_server.locked)
    profile = store.probe_profile()
    assert profile.retention == Retention(mode="compliance", days=1)
    assert (profile.versioning, profile.object_lock, profile.removes_versions) == ("on", True, False)
    assert list(store.keys("clmdeploy-probe/")) == []
    assert 0 < profile.left <= 20
    found = {check.name: check for check in backup_checks(store.bucket, profile, {})}
    assert found["immutability"].verdict == "ok"
    assert f"{profile.left} small objects of this probe stay" in found["reachable"].finding


def test_objects_of_a_prefix_are_probed_below_it(s3_server: Any) -> None:
    """Keys that reach one prefix only can be probed too."""
    store = s3_server.keeper(s3_server.locked)
    store.probe_profile("production")
    answer = store._client.list_object_versions(Bucket=store.bucket, Prefix="production/clmdeploy-probe/")
    assert answer["Versions"]


def test_a_poor_vendor(poor_connection: S3Connection) -> None:
    """What it can't do is found out, though it takes every request; and the probe is gone."""
    store = S3Store(poor_connection, BUCKET)
    profile = store.probe_profile()
    assert (profile.conditional_create, profile.conditional_match) == (False, False)
    assert (profile.versioning, profile.retention, profile.left) == ("off", None, 0)
    assert (profile.checksums, profile.trailers) == ("ignored", False)
    assert profile.smallest_part == 1024
    assert list(store.keys("clmdeploy-probe/")) == []


@pytest.mark.parametrize(("purpose", "verdict"), [("state", "fail"), ("releases", "warn"), ("backups", "ok")])
def test_a_poor_vendor_is_refused_for_state_only(poor_connection: S3Connection, purpose: Any, verdict: str) -> None:
    """Releases may live there from one pipeline, backups without a claim of immutability."""
    profile = S3Store(poor_connection, BUCKET).probe_profile()
    found = {check.name: check for check in storage_checks("bucket", profile, purpose)}
    assert found["conditional writes"].verdict == verdict
    assert found["multipart uploads"].verdict == "ok"
    immutability = [check for check in backup_checks("bucket", profile, {}) if check.name == "immutability"]
    assert immutability[0].verdict == "warn"


def test_no_lease_is_ever_held_at_a_poor_vendors(poor_connection: S3Connection) -> None:
    """Also where nobody asked doctor: the first lease of an environment is refused."""
    store = S3Store(poor_connection, BUCKET)
    who = Who(principal="ivanova", user="root", host="control1", job=None)
    with pytest.raises(StoreRefused):
        Leases(store, "poor", SystemClock()).acquire(Request("fleet", who, "c1", "why", 0))
    with pytest.raises(Missing):
        store.get("poor/lease/fleet")


def test_whether_keys_may_delete_is_tried_without_harm(s3_server: Any) -> None:
    """On an object that does not exist; the mark that this leaves in a versioned bucket is removed."""
    assert s3_server.keeper(s3_server.versioned).may_delete("pgbackrest")
    assert not s3_server.store(s3_server.versioned).may_delete("pgbackrest")
    store = s3_server.keeper(s3_server.versioned)
    answer = store._client.list_object_versions(Bucket=store.bucket, Prefix="pgbackrest/")
    assert not answer.get("DeleteMarkers")
