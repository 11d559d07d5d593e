"""Planning a restore point: from facts and settings to steps whose order makes it one point."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.backups.layout import Layout
from clmdeploy.changes.plan import EngineCall, Plan, StoreCall
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import HostUnreachable, NothingChanged
from clmdeploy.model.hosts import Host
from clmdeploy.planners.backup import Place, PointWish, plan_backup, point_steps
from clmdeploy.planners.point_facts import PointFacts, ServerRole
from clmdeploy.planners.trees import trees_of
from clmdeploy.releases.manifest import Release

from .conftest import SETTINGS, release

KEYS = {"access_key": {"env": "A"}, "secret_key": {"env": "B"}}
BACKUP: dict[str, Any] = {
    "storage": {"bucket": "clm-backups", "keys": KEYS}, "database": {"passphrase": {"env": "C"}},
    "files": {"passphrase": {"env": "D"}, "paths": {"db": ["/etc/postgresql"]}},
}  # fmt: skip


def host(name: str, group: str) -> Host:
    return Host(name=name, address=f"{name}.example.ru", groups=(group,))


BACKUP1, DB1, DB2, WORKER1, APP1 = (
    host(name, name[:-1]) for name in ("backup1", "db1", "db2", "worker1", "app1")
)  # fmt: skip


def server(where: Host, **changes: Any) -> ServerRole:
    told = {"standby": where is DB2, "version": "PostgreSQL 17", "archive_mode": "on", "system_id": "7", "size": 5000}
    return ServerRole.model_validate({"host": where, **told, **changes})


def wish(
    runs: Release | None = None, servers: tuple[ServerRole, ...] = (server(DB1), server(DB2)), **backup: Any
) -> PointWish:
    settings = Environment.model_validate(SETTINGS | {"backup": BACKUP | backup})
    assert settings.backup is not None
    layout = Layout(settings, settings.backup, Parties(BACKUP1, (DB1, DB2), (DB1, DB2, WORKER1, APP1)))
    return PointWish(layout, PointFacts(servers=servers, release=runs, schema_version=4), {"settings": "c" * 64})


def test_the_order_is_what_makes_it_one_point() -> None:
    """Database, named moment after it, log up to there, files after that, the manifest last."""
    plan = plan_backup(wish())
    assert plan.kind == "backup"
    assert plan.scope == "data"
    assert [step.id for step in plan.steps] == [
        "check-database", "check-files", "database", "named-point", "archived", "files", "publish",
    ]  # fmt: skip
    where = {step.id: [target.host for target in step.targets] for step in plan.steps}
    assert where["database"] == where["archived"] == where["publish"] == ["backup1"]
    assert where["named-point"] == ["db1"]
    publish = plan.steps[-1].action
    assert isinstance(publish, StoreCall)
    assert publish.uses == ("database", "named-point", "archived", "files")


def test_the_same_wish_is_the_same_plan() -> None:
    """No ID and no clock stands in it."""
    assert plan_backup(wish()).digest == plan_backup(wish()).digest


def test_a_dry_run_has_the_digest_of_what_is_applied_later() -> None:
    """The database grows all the time: what it measures is no part of the plan."""
    grown = wish(servers=(server(DB1, size=999_999), server(DB2)))
    assert plan_backup(grown).digest == plan_backup(wish()).digest


def test_files_are_those_that_the_release_declares_and_the_settings_add() -> None:
    """Shared trees where they are owned, environment files wherever the release runs."""
    runs = release(
        "1.2.0", shared=[{"path": "content", "owner": "worker"}], environment_files=["shared/clm.env"]
    )  # fmt: skip
    assert trees_of(wish().layout, runs) == {
        "db1": ("/etc/postgresql",), "db2": ("/etc/postgresql",),
        "worker1": ("/opt/clm/shared/content", "/opt/clm/shared/clm.env"), "app1": ("/opt/clm/shared/clm.env",),
    }  # fmt: skip
    plan = plan_backup(wish(runs))
    files = next(step for step in plan.steps if step.id == "files")
    assert files.targets[0].arguments["repository"] == "rest:https://backup1.example.ru:8000/db1/"
    assert {one.name for one in plan.hosts} == {"backup1", "db1", "db2", "worker1", "app1"}


def test_without_release_and_paths_there_is_still_a_database() -> None:
    """Before the first deploy too."""
    plan = plan_backup(wish(files={"passphrase": {"env": "D"}}))
    assert [step.id for step in plan.steps] == ["check-database", "database", "named-point", "archived", "publish"]
    assert plan.expected == {"release": None, "schema": 4}


def test_within_another_change_a_point_keeps_to_its_place() -> None:
    """One stage, IDs of their own, and the data lease around each of its steps."""
    steps = list(point_steps(wish(), Place(local=2, stage="restore-point", prefix="contract-", data=True)))
    assert {step.stage for step in steps} == {"restore-point"}
    assert all(step.id.startswith("contract-") and step.data for step in steps)
    action = steps[4].action
    assert isinstance(action, EngineCall)
    assert action.uses == ("contract-database", "contract-named-point")
    assert (action.arguments["local"], action.arguments["prefix"]) == (2, "contract-")
    plan = plan_backup(wish())
    assert Plan.model_validate(plan.model_dump() | {"kind": "deploy", "steps": [one.model_dump() for one in steps]})


def test_nothing_is_taken_back_that_others_could_need() -> None:
    """What was stored for no point, expiry removes: a failed backup must not touch the repository."""
    assert {step.undo for step in plan_backup(wish()).steps} == {"nothing"}


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ((server(DB1, fork="Postgres Pro"), server(DB2)), "Postgres Pro"),
        ((server(DB1, archive_mode="off"), server(DB2)), "backup setup"),
        ((server(DB1), server(DB2, standby=False)), "db1, db2"),
    ],
)
def test_what_stands_against_it_is_told(servers: tuple[ServerRole, ...], words: str) -> None:
    """Before anything is begun, with the remedy."""
    with pytest.raises(NothingChanged, match=words):
        plan_backup(wish(servers=servers))


def test_a_standby_that_is_silent_is_no_hindrance() -> None:
    """Without the primary there is no point, and why each did not answer is told."""
    silent = server(DB2, message="db2 does not answer")
    assert plan_backup(wish(servers=(server(DB1), silent))).steps
    with pytest.raises(HostUnreachable, match="db1 does not answer"):
        plan_backup(wish(servers=(server(DB1, message="db1 does not answer"), server(DB2))))


def test_a_dump_is_made_on_the_primary_itself() -> None:
    """By its own pg_dump, whatever server that is; rows are counted before, and no log is waited for."""
    forked = (server(DB1, fork="Postgres Pro", archive_mode="off"), server(DB2))
    plan = plan_backup(wish(servers=forked, database={"passphrase": {"env": "C"}, "engine": "pgdump"}))
    assert [step.id for step in plan.steps] == [
        "check-database", "check-files", "moment", "database", "files", "publish",
    ]  # fmt: skip
    acts = {step.id: (step.action.act, [target.host for target in step.targets]) for step in plan.steps}
    assert acts["check-database"] == ("dumpable", ["db1"])
    assert acts["moment"] == ("postgres-moment", ["db1"])
    assert acts["database"] == ("dump", ["db1"])
    publish = plan.steps[-1].action
    assert isinstance(publish, StoreCall)
    assert publish.uses == ("moment", "database", "files")
    assert (publish.arguments["engine"], publish.arguments["repository"]) == ("pgdump", "db1")
