"""Plans of deploys: facts and settings in, steps out."""

from __future__ import annotations

import pytest

from clmdeploy.changes.plan import Plan
from clmdeploy.model.errors import ClmError, HostUnreachable, NothingChanged, UsageError
from clmdeploy.model.facts import FleetFacts, SchemaState
from clmdeploy.planners.deploy import plan_deploy

from .conftest import NOW, fleet, host, migration, release, wish

ONE, TWO = release("1.0.0", needs=1, migrations=[migration(1)]), release("1.1.0", needs=1, migrations=[migration(1)])
REASON = {"no_restore_point": "tested"}


def steps(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_a_rolling_deploy_drains_switches_and_undrains_host_by_host() -> None:
    """The canary is watched; the worker, which no balancer serves, comes last and is not drained."""
    plan = plan_deploy(wish(TWO, fleet(ONE, schema=1)), NOW)
    assert steps(plan) == [
        "stage",
        "canary-drain", "canary-switch", "canary-undrain", "canary-soak",
        "batch-1-drain", "batch-1-switch", "batch-1-undrain",
        "batch-2-drain", "batch-2-switch", "batch-2-undrain",
        "batch-3-switch",
    ]  # fmt: skip
    assert plan.verdict.kind == "safe"


def test_what_runs_already_gives_an_empty_plan() -> None:
    """Nothing to do is a plan without steps."""
    assert plan_deploy(wish(TWO, fleet(TWO, schema=1)), NOW).steps == ()


def test_a_half_rolled_out_fleet_gets_only_what_is_missing() -> None:
    """Hosts that run the release are left alone."""
    mixed = fleet(ONE, schema=1)
    found = FleetFacts(hosts=(host("app1", "app", TWO), *mixed.hosts[1:]), servers=mixed.servers)
    plan = plan_deploy(wish(TWO, found), NOW)
    touched = {target.subject for step in plan.steps for target in step.targets}
    assert touched == {"app2", "app3", "worker1"}


@pytest.mark.parametrize(
    ("rollout", "batches"),
    [
        ({"canary": 0, "batch": 2}, [["app1", "app2"], ["app3"], ["worker1"]]),
        ({"canary": 2, "batch": 1}, [["app1", "app2"], ["app3"], ["worker1"]]),
        ({"canary": 0, "batch": "100%"}, [["app1", "app2", "app3"], ["worker1"]]),
        ({"canary": 1, "batch": "50%"}, [["app1"], ["app2"], ["app3"], ["worker1"]]),
        ({"canary": 3, "batch": 1}, [["app1", "app2"], ["app3"], ["worker1"]]),
    ],
)
def test_batches_are_as_the_settings_say(rollout: dict[str, object], batches: list[list[str]]) -> None:
    """Each group is cut into batches by itself; a share is rounded down but never below one."""
    plan = plan_deploy(wish(TWO, fleet(ONE, schema=1), rollout), NOW)
    switches = [[target.subject for target in step.targets] for step in plan.steps if step.id.endswith("-switch")]
    assert switches == batches


def test_all_at_once_drains_nothing() -> None:
    """Draining every server of a backend would be the outage itself."""
    plan = plan_deploy(wish(TWO, fleet(ONE, schema=1), {"canary": 0, "batch": "100%"}), NOW)
    assert not [step for step in steps(plan) if "drain" in step]


def test_a_server_that_somebody_else_holds_stays_as_it_is() -> None:
    """What was in maintenance before is neither drained nor put into rotation."""
    found = fleet(ONE, schema=1)
    held = found.servers[0].model_copy(update={"state": "maint"})
    plan = plan_deploy(wish(TWO, FleetFacts(hosts=found.hosts, servers=(held, *found.servers[1:]))), NOW)
    assert [target.subject for step in plan.steps if step.action.act == "balance" for target in step.targets] == [
        "app2", "app2", "app3", "app3",
    ]  # fmt: skip


def test_a_balancer_without_checks_drains_as_well() -> None:
    """What haproxy doesn't check gets requests all the same."""
    found = fleet(ONE, schema=1)
    unchecked = tuple(server.model_copy(update={"status": "no check"}) for server in found.servers)
    plan = plan_deploy(wish(TWO, FleetFacts(hosts=found.hosts, servers=unchecked)), NOW)
    assert {"canary-drain", "batch-1-drain", "batch-2-drain"} <= set(steps(plan))


def test_a_host_behind_two_backends_is_drained_in_each() -> None:
    """Each backend's server has an outcome and an undo of its own."""
    found = fleet(ONE, schema=1)
    api = tuple(server.model_copy(update={"backend": "clm_api"}) for server in found.servers)
    plan = plan_deploy(wish(TWO, FleetFacts(hosts=found.hosts, servers=(*found.servers, *api))), NOW)
    canary = [step for step in plan.steps if step.batch == "canary" and step.action.act == "balance"]
    assert [(step.id, [target.arguments["backend"] for target in step.targets]) for step in canary] == [
        ("canary-drain", ["clm_web"]), ("canary-drain-2", ["clm_api"]),
        ("canary-undrain", ["clm_web"]), ("canary-undrain-2", ["clm_api"]),
    ]  # fmt: skip


def test_only_the_first_group_has_a_canary() -> None:
    """Also when all of its hosts but one are canaries: no step has another one's name."""
    found = fleet(ONE, apps=2, schema=1)
    workers = FleetFacts(hosts=(*found.hosts, host("worker2", "worker", ONE)), servers=found.servers)
    names = steps(plan_deploy(wish(TWO, workers, {"canary": 5}), NOW))
    assert len(names) == len(set(names))


def test_migrations_expand_before_the_switch_and_contract_after_it() -> None:
    """The schema contract gives the order."""
    new = release("2.0.0", needs=2, migrations=[
        migration(1), migration(2, revert=["down"]), migration(3, "contract", oldest="2.0.0"),
    ])  # fmt: skip
    plan = plan_deploy(wish(new, fleet(ONE, schema=1), reasons=REASON), NOW)
    order = steps(plan)
    assert order.index("stage") < order.index("expand-2") < order.index("canary-drain")
    assert order.index("contract-3") > order.index("batch-3-switch")
    assert [step.undo for step in plan.steps if "-2" in step.id and "expand" in step.id] == ["restore"]
    assert [step.id for step in plan.irreversible] == ["contract-3"]
    assert plan.verdict.kind == "needs-restore"
    assert next(step for step in plan.steps if step.id == "expand-2").targets[0].host == "worker1"


SILENT = host("app1", "app", reachable=False, message="app1: no route")
REFUSED: list[tuple[str, FleetFacts, dict[str, object], type[ClmError], str]] = [
    ("step back", fleet(release("3.0.0", needs=1, migrations=[migration(1)]), schema=1), {}, UsageError, "step back"),
    ("dirty schema", fleet(ONE, schema=1, dirty=True), {}, NothingChanged, "dirty"),
    ("silent host", FleetFacts(hosts=(*fleet(ONE).hosts[1:], SILENT)), {}, HostUnreachable, "app1: no route"),
    ("no room", fleet(ONE, schema=1, disk_free=1), {}, NothingChanged, "MiB free"),
    ("no inodes", fleet(ONE, schema=1, inodes_free=3), {}, NothingChanged, "inodes"),
    ("clock", fleet(ONE, schema=1, clock=NOW - 3600), {}, NothingChanged, "clock is -3600 s off"),
    ("cut-off switch", fleet(ONE, schema=1, recorded="other"), {}, NothingChanged, "cut off or done by hand"),
    ("schema hook", fleet(ONE, schema=1, schema_fault="no database"), {}, NothingChanged, "no database"),
    ("unknown schema", fleet(ONE), {}, NothingChanged, "version of the schema"),
    ("no hosts", FleetFacts(hosts=()), {}, NothingChanged, "no host here"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "more", "error", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_deploy_that_can_not_go_well_is_refused(
    found: FleetFacts, more: dict[str, object], error: type[ClmError], words: str
) -> None:
    """Each refusal says what is wrong and what to do next."""
    with pytest.raises(error, match=words) as refusal:
        plan_deploy(wish(TWO, found, **more), NOW)
    assert refusal.value.hint


def test_a_schema_change_demands_a_reason_while_there_are_no_restore_points() -> None:
    """The flag is named, and so is the migration."""
    new = release("1.2.0", needs=2, migrations=[migration(1), migration(2)])
    with pytest.raises(UsageError, match="migration 2") as refusal:
        plan_deploy(wish(new, fleet(ONE, schema=1)), NOW)
    assert "--no-restore-point" in refusal.value.hint


def test_a_migration_that_breaks_what_runs_has_no_valid_order() -> None:
    """A contraction that the new release needs before it starts would stop the old one."""
    new = release("3.0.0", needs=2, migrations=[migration(1), migration(2, "contract", oldest="2.0.0")])
    with pytest.raises(NothingChanged, match="no valid order"):
        plan_deploy(wish(new, fleet(ONE, schema=1), reasons=REASON), NOW)


def test_a_limited_deploy_does_not_contract_the_schema() -> None:
    """Some hosts would still run what can't work after it."""
    new = release("2.0.0", needs=1, migrations=[migration(1), migration(2, "contract", oldest="2.0.0")])
    with pytest.raises(NothingChanged, match="contracting"):
        plan_deploy(wish(new, fleet(ONE, schema=1), reasons=REASON, limit=("app1", "worker1")), NOW)


def test_a_limited_deploy_needs_no_host_that_migrates_when_nothing_is_due() -> None:
    """The schema's version comes from a host beyond --limit."""
    plan = plan_deploy(wish(TWO, fleet(ONE, schema=1), limit=("app1",)), NOW)
    assert steps(plan) == ["stage", "batch-1-drain", "batch-1-switch", "batch-1-undrain"]


def test_a_limited_deploy_does_not_break_hosts_beyond_it() -> None:
    """app2 and app3 run 1.0.0, which can't work after the migration."""
    new = release("1.1.0", needs=2, migrations=[migration(1), migration(2, oldest="1.1.0")])
    mixed = fleet(ONE, schema=1)
    worker1 = host("worker1", "worker", TWO, schema_state=SchemaState(version=1))
    hosts = (host("app1", "app", TWO), *mixed.hosts[1:3], worker1, mixed.hosts[4])
    found = FleetFacts(hosts=hosts, servers=mixed.servers)
    with pytest.raises(NothingChanged, match="no valid order"):
        plan_deploy(wish(new, found, reasons=REASON, limit=("app1", "worker1")), NOW)


def test_a_contraction_and_hosts_that_may_be_left_out_do_not_go_together() -> None:
    """Who was left out would still run a release that can't work after it; the flag to type is named."""
    new = release("2.0.0", needs=1, migrations=[migration(1), migration(2, "contract", oldest="2.0.0")])
    tolerant = {"on_failure": "tolerate", "tolerate": 1}
    with pytest.raises(UsageError, match="migration 2 contracts") as refusal:
        plan_deploy(wish(new, fleet(ONE, schema=1), tolerant, reasons=REASON), NOW)
    assert "--on-failure take-back-all" in refusal.value.hint


def test_the_ledger_after_a_deploy_leads_back_to_what_ran() -> None:
    """The way back is what ran last, and no release stands in it twice."""
    found = fleet(ONE, schema=1, ledger=("0.9.0-00000000", TWO.directory))
    plan = plan_deploy(wish(TWO, found), NOW)
    switch = next(step for step in plan.steps if step.id == "canary-switch")
    assert switch.targets[0].arguments["ledger"] == ["0.9.0-00000000", ONE.directory]


def test_old_releases_are_pruned_but_never_a_way_back() -> None:
    """Only beyond keep_releases, only after success, and a failure there stops nothing."""
    stale = tuple(f"0.{number}.0-00000000" for number in range(6))
    found = fleet(ONE, schema=1, staged=(*stale, ONE.directory), ledger=stale)
    plan = plan_deploy(wish(TWO, found), NOW)
    last = plan.steps[-1]
    assert (last.id, last.essential, last.action.arguments["keep"]) == ("prune", False, 4)


def test_a_hotfix_watches_shorter_and_says_so_in_the_plan() -> None:
    """The reason is part of the plan, so that it is signed and journalled."""
    plan = plan_deploy(
        wish(TWO, fleet(ONE, schema=1), {"soak": 60, "hotfix_soak": 2}, reasons={"hotfix": "outage"}), NOW
    )
    soak = next(step for step in plan.steps if step.id == "canary-soak")
    assert soak.action.seconds == 2  # type: ignore[union-attr]
    assert plan.reasons == {"hotfix": "outage"}


def test_a_slow_start_that_the_release_announces_is_waited_for() -> None:
    """The guard ends an act at its step's time limit: that must not be shorter than the health checks' patience."""
    slow = {"name": "web", "group": "app", "health": [{"http": "http://127.0.0.1/health", "timeout": 1800}]}
    plan = plan_deploy(wish(release("1.1.0", components=[slow]), fleet(release("1.0.0"))), NOW)
    switches = [step.timeout for step in plan.steps if step.action.act == "switch"]
    assert switches
    assert min(switches) > 1800


def test_the_same_facts_give_the_same_plan() -> None:
    """A plan has no clock and no chance in it."""
    assert (
        plan_deploy(wish(TWO, fleet(ONE, schema=1)), NOW).digest
        == plan_deploy(wish(TWO, fleet(ONE, schema=1)), NOW + 9).digest
    )
