"""What `doctor` claims, and refuses to claim, of the bucket that restore points lie in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.checks import Verdict
from clmdeploy.model.errors import InvalidInput, StoreUnavailable
from clmdeploy.model.storage import KeyRights, Retention
from clmdeploy.queries.doctor import examine
from clmdeploy.queries.doctor_backups import backup_checks
from tests.unit.cli.desk import SETTINGS
from tests.unit.queries.test_doctor import ABLE, environment, instruments, raising

COMPLIANCE = {"versioning": "on", "object_lock": True, "retention": Retention(mode="compliance", days=30)}
GOVERNANCE = {**COMPLIANCE, "retention": Retention(mode="governance", days=30)}
BACKUP = {
    "storage": {"bucket": "clm-backups", "keys": {"access_key": {"env": "A"}, "secret_key": {"env": "B"}}},
    "database": {"passphrase": {"env": "P"}},
    "files": {"passphrase": {"env": "P"}},
}


def with_backup() -> LoadedEnvironment:
    plain = environment()
    settings = Environment.model_validate({**SETTINGS, "backup": BACKUP})
    return replace(plain, settings=settings, directory=Path("inventories/lab"))


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({**COMPLIANCE, "removes_versions": False}, "ok", "nobody can remove what is stored for 30 d"),
        ({**GOVERNANCE, "removes_versions": False}, "ok", "nobody without the right to bypass governance"),
        ({**COMPLIANCE, "removes_versions": True}, "warn", "said to be on, but these keys removed a version"),
        ({"versioning": "on", "removes_versions": False}, "ok", "these keys can't remove older versions"),
        ({"versioning": "on", "removes_versions": True}, "warn", "these keys may remove them"),
        ({"versioning": "off"}, "warn", "can't be claimed: no versions are kept"),
        ({"versioning": "suspended", "removes_versions": True}, "warn", "can't be claimed: no versions are kept"),
        ({"versioning": None}, "warn", "may not ask whether versions are kept"),
    ],
)
def test_immutability_is_claimed_only_where_it_was_tried(changes: dict[str, Any], verdict: Verdict, said: str) -> None:
    """What the bucket's settings promise counts for nothing where these very keys got past them."""
    checks = backup_checks("clm-backups", ABLE.model_copy(update=changes), {})
    (check,) = [one for one in checks if one.name == "immutability"]
    assert check.verdict == verdict
    assert said in check.finding
    assert bool(check.remedy) == (verdict == "warn")


@pytest.mark.parametrize(
    ("rights", "verdict", "said"),
    [
        (KeyRights(own=True, may_delete=False), "ok", "may not delete"),
        (KeyRights(own=True, may_delete=True), "warn", "database hosts reach (root there can get them) may delete"),
        (KeyRights(own=False), "warn", "has the keys of the jobs, which may delete"),
    ],
)
def test_what_root_on_a_database_host_would_get_is_told(rights: KeyRights, verdict: Verdict, said: str) -> None:
    """pgBackRest's server hands its keys to whoever asks in its protocol."""
    (check,) = [one for one in backup_checks("b", ABLE, {"archive": rights}) if one.name == "keys: archive"]
    assert check.verdict == verdict
    assert said in check.finding
    assert ("backup.storage.archive" in check.remedy) == (verdict == "warn")


def test_the_bucket_of_backups_is_looked_at_where_there_is_one() -> None:
    """Its profile is kept like the others'; without `backup` in clm.yml nobody asks for it."""
    kept: dict[str, Any] = {}
    probes = dict.fromkeys(
        ("storage.state_bucket", "storage.release_bucket", "backup.storage.bucket"), lambda: ABLE
    )  # fmt: skip
    looking = instruments(
        buckets=probes, keep_profile=kept.__setitem__, backup_keys=lambda: {"files": KeyRights(own=False)}
    )
    checks = examine(with_backup(), looking)
    assert {"immutability", "keys: files"} <= {check.name for check in checks if check.subject == "clm-backups"}
    assert "backup.storage.bucket" in kept
    assert not [check for check in examine(environment(), looking) if check.subject == "clm-backups"]


def test_keys_that_are_refused_are_one_fault_of_the_bucket() -> None:
    """With the error's own remedy, whichever keys it was."""
    refused = raising(StoreUnavailable("storage s3, bucket clm-backups: refuses access", "check the keys"))
    probes = dict.fromkeys(("storage.state_bucket", "storage.release_bucket", "backup.storage.bucket"), lambda: ABLE)
    checks = examine(with_backup(), instruments(buckets=probes, backup_keys=refused))
    assert [(check.name, check.verdict) for check in checks if check.subject == "clm-backups"] == [
        ("reachable", "fail")
    ]


def test_a_control_node_without_keys_of_backups_is_warned_of() -> None:
    """It deploys all the same; what the bucket can do, another one finds out."""
    lacking = {"backup.storage.keys.access_key": InvalidInput("not set")}
    checks = examine(with_backup(), instruments(secrets=lambda: lacking))
    told = [one for one in checks if one.subject == "clm-backups"]
    assert [(one.verdict, one.finding) for one in told] == [
        ("warn", "not looked at: this control node has no keys for it")
    ]
