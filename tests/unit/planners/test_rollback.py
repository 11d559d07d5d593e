"""Plans of rollbacks, and the verdict before anybody confirms."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.model.errors import NothingChanged, UsageError
from clmdeploy.model.hosts import Host
from clmdeploy.planners.rollback import beyond, plan_rollback
from clmdeploy.planners.schema import rollback_verdict
from clmdeploy.planners.ways_back import point_to_restore

from .conftest import NOW, fleet, host, migration, release, wish

DOWN = ["down"]
BASE = [migration(1)]


@pytest.mark.parametrize(
    ("migrations", "standing", "kind"),
    [
        ([migration(2, oldest="1.0.0")], 2, "safe"),
        ([migration(2, oldest="1.1.0", revert=DOWN)], 2, "needs-revert"),
        ([migration(2, oldest="1.1.0")], 2, "needs-restore"),
        ([migration(2, oldest="1.1.0", revert=DOWN), migration(3, oldest="1.0.0")], 3, "needs-restore"),
        ([migration(2, oldest="1.1.0", revert=DOWN), migration(3, oldest="1.0.0", revert=DOWN)], 3, "needs-revert"),
        ([migration(2, "contract", oldest="2.0.0")], 1, "safe"),
    ],
    ids=["compatible", "revertible", "irreversible", "irreversible above", "all revertible", "not applied yet"],
)
def test_the_verdict_follows_from_the_declarations(migrations: list[dict[str, Any]], standing: int, kind: str) -> None:
    """What stands in the schema above the target's needs decides, with everything above the oldest that breaks it."""
    applied = [one["version"] for one in migrations if one["version"] <= standing]
    newer = release("2.0.0", needs=max([1, *applied]), migrations=BASE + migrations)
    target = release("1.0.0", needs=1, migrations=BASE)
    assert rollback_verdict(newer.manifest.data_schema, standing, target.manifest).kind == kind


def test_a_safe_rollback_goes_batch_by_batch_and_migrates_nothing() -> None:
    """Every switch is drained; the ledger forgets what was left."""
    old, new = release("1.0.0", needs=1, migrations=BASE), release("1.1.0", needs=2, migrations=[*BASE, migration(2)])
    found = fleet(new, schema=2, ledger=("0.9.0-00000000", old.directory), staged=(old.directory, new.directory))
    plan = plan_rollback(wish(old, found), NOW)
    assert [step.id for step in plan.steps] == [
        "batch-1-drain", "batch-1-switch", "batch-1-undrain",
        "batch-2-drain", "batch-2-switch", "batch-2-undrain",
        "batch-3-drain", "batch-3-switch", "batch-3-undrain",
        "batch-4-switch",
    ]  # fmt: skip
    assert plan.steps[1].targets[0].arguments["ledger"] == ["0.9.0-00000000"]


@pytest.mark.parametrize(
    ("done", "steps"),
    [
        ((), ["batch-1-switch", "batch-1-undrain", "batch-2-drain", "batch-2-switch", "batch-2-undrain"]),
        (("app2",), ["left-over-undrain", "batch-1-drain", "batch-1-switch", "batch-1-undrain"]),
    ],
    ids=["to be switched", "switched already"],
)
def test_what_a_lost_change_has_drained_comes_back_first(done: tuple[str, ...], steps: list[str]) -> None:
    """Of two servers app2 stands drained: nobody switches app1 before app2 is in rotation again."""
    old, new = release("1.0.0", needs=1, migrations=BASE), release("1.1.0", needs=1, migrations=BASE)
    found = fleet(
        new, apps=2, schema=1, ledger=(old.directory,), staged=(old.directory, new.directory), recorded=new.directory
    )
    there = {"current": old.directory, "recorded": old.directory}
    hosts = [one.model_copy(update=there) if one.host.name in done else one for one in found.hosts]
    app2 = found.servers[1].model_copy(update={"state": "drain", "holder": "c1"})
    found = found.model_copy(update={"hosts": tuple(hosts), "servers": (found.servers[0], app2)})
    plan = plan_rollback(wish(old, found, offline=True), NOW)
    assert [step.id for step in plan.steps][: len(steps)] == steps
    assert plan.steps[0].targets[0].subject == "app2"


def test_a_newer_release_is_no_way_back() -> None:
    """It would find a schema that nobody has migrated: the command to type instead is named."""
    old, new = release("1.0.0", needs=1, migrations=BASE), release("2.0.0", needs=1, migrations=BASE)
    with pytest.raises(UsageError, match=r"2\.0\.0 is no way back: 1\.0\.0 runs") as refusal:
        plan_rollback(wish(new, fleet(old, schema=1)), NOW)
    assert "clmdeploy deploy 2.0.0" in refusal.value.hint


def test_a_release_whose_schema_is_gone_is_no_way_back() -> None:
    """After a restore of an old database even an older release may need more than is there."""
    old = release("1.1.0", needs=2, migrations=[*BASE, migration(2)])
    new = release("1.2.0", needs=2, migrations=[*BASE, migration(2)])
    with pytest.raises(UsageError, match="the schema is at 1"):
        plan_rollback(wish(old, fleet(new, schema=1)), NOW)


def test_a_pruned_target_is_staged_again() -> None:
    """The ledger names it, the disk has lost it."""
    old, new = release("1.0.0", needs=1, migrations=BASE), release("1.1.0", needs=1, migrations=BASE)
    assert plan_rollback(wish(old, fleet(new, schema=1)), NOW).steps[0].id == "stage"


def test_past_an_irreversible_contraction_it_refuses_and_names_what_is_missing() -> None:
    """The verdict comes before anything is touched."""
    old = release("1.2.0", needs=1, migrations=BASE)
    new = release("2.0.0", needs=1, migrations=[*BASE, migration(2, "contract", oldest="2.0.0")])
    with pytest.raises(NothingChanged, match=r"needs restore.*migration 2.*Missing: a restore point"):
        plan_rollback(wish(old, fleet(new, schema=2)), NOW)


def test_a_revert_is_an_outage_and_needs_to_be_accepted() -> None:
    """Then it reverts first, and switches all hosts at once."""
    old = release("1.0.0", needs=1, migrations=BASE)
    new = release("1.1.0", needs=2, migrations=[*BASE, migration(2, oldest="1.1.0", revert=DOWN)])
    found = fleet(new, schema=2, staged=(old.directory, new.directory))
    with pytest.raises(UsageError, match="needs revert") as refusal:
        plan_rollback(wish(old, found), NOW)
    assert "--accept-outage" in refusal.value.hint
    reasons = {"accept_outage": "night", "no_restore_point": "dump taken"}
    plan = plan_rollback(wish(old, found, reasons=reasons), NOW)
    assert [step.id for step in plan.steps] == ["revert-2", "batch-1-switch"]
    assert plan.steps[0].action.arguments["directory"] == new.directory


def test_a_rollback_to_what_runs_has_nothing_to_do() -> None:
    """As with a deploy, that is a plan without steps."""
    old = release("1.0.0", needs=1, migrations=BASE)
    assert plan_rollback(wish(old, fleet(old, schema=1)), NOW).steps == ()


def test_a_limited_rollback_knows_the_schema_of_all() -> None:
    """--limit app1 leaves out the host that tells its version; the verdict must not get better by that."""
    old = release("1.2.0", needs=1, migrations=BASE)
    new = release("2.0.0", needs=1, migrations=[*BASE, migration(2, "contract", oldest="2.0.0")])
    with pytest.raises(NothingChanged, match="needs restore"):
        plan_rollback(wish(old, fleet(new, schema=2), limit=("app1",)), NOW)


def test_nothing_is_reverted_under_hosts_that_stay() -> None:
    """--limit and a revert do not go together."""
    old = release("1.0.0", needs=1, migrations=BASE)
    new = release("1.1.0", needs=2, migrations=[*BASE, migration(2, oldest="1.1.0", revert=DOWN)])
    reasons = {"accept_outage": "night", "no_restore_point": "dump taken"}
    with pytest.raises(NothingChanged, match="migration 2 would be reverted under") as refusal:
        plan_rollback(wish(old, fleet(new, schema=2), reasons=reasons, limit=("app1", "worker1")), NOW)
    assert "leave --limit away" in refusal.value.hint


def test_migrations_are_reverted_by_a_host_that_has_their_hooks() -> None:
    """worker1 still runs an older release, which does not know them; worker2 runs the newest."""
    old = release("1.0.0", needs=1, migrations=BASE)
    mid = release("1.0.1", needs=1, migrations=BASE)
    new = release("1.1.0", needs=2, migrations=[*BASE, migration(2, oldest="1.1.0", revert=DOWN)])
    found = fleet(new, schema=2, staged=(old.directory,))
    workers = (host("worker1", "worker", mid), host("worker2", "worker", new))
    mixed = found.model_copy(
        update={
            "hosts": (
                *workers,
                *found.hosts[:3],
                found.hosts[3].model_copy(
                    update={"host": Host(name="worker3", address="192.0.2.3", groups=("worker",))}
                ),
                *found.hosts[4:],
            )
        }
    )
    plan = plan_rollback(wish(old, mixed, reasons={"accept_outage": "a", "no_restore_point": "b"}), NOW)
    revert = next(step for step in plan.steps if step.id == "revert-2")
    assert revert.targets[0].host == "worker2"


def test_the_point_from_before_the_migration_is_named_with_the_command() -> None:
    """At night nobody looks for it."""
    newer = release("1.2.0", needs=2, migrations=[migration(1), migration(2, oldest="1.2.0")])
    older = release("1.1.0", needs=1, migrations=[migration(1)])
    asked = wish(older, fleet(newer, schema=2), way_back="20260131-235959042-b7fc01")
    assert beyond(asked) == 2
    with pytest.raises(NothingChanged, match=r"needs restore.*20260131-235959042-b7fc01.*lost") as refusal:
        plan_rollback(asked, NOW)
    assert refusal.value.hint == "clmdeploy rollback --with-restore --to 1.1.0 -e test"


def test_a_restore_comes_along_only_where_nothing_else_will_do() -> None:
    """What was written since is not lost for convenience; and where no point is there, that is said."""
    newer = release("1.2.0", needs=2, migrations=[migration(1), migration(2, oldest="1.2.0")])
    older = release("1.1.0", needs=1, migrations=[migration(1)])
    assert point_to_restore(wish(older, fleet(newer, schema=2), way_back="P")) == "P"
    with pytest.raises(NothingChanged, match="Missing: a restore point"):
        point_to_restore(wish(older, fleet(newer, schema=2)))
    with pytest.raises(UsageError, match="runs without a restore") as refusal:
        point_to_restore(wish(older, fleet(newer, schema=1), way_back="P"))
    assert refusal.value.hint == "clmdeploy rollback --to 1.1.0 -e test"
    with pytest.raises(UsageError, match="no way back"):
        point_to_restore(wish(newer, fleet(older, schema=1), way_back="P"))
