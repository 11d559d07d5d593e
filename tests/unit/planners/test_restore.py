"""Restoring: what is done in which order, and what is refused before anything is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clmdeploy.backups.layout import Layout
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.table_name import table_name
from clmdeploy.backups.targets import Lines, to_end, to_moment, to_point
from clmdeploy.changes.plan import EngineCall, Plan, TaskCall
from clmdeploy.config.backup import Backup
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import HostUnreachable, InvalidInput, NothingChanged, UsageError
from clmdeploy.model.facts import FleetFacts
from clmdeploy.model.hosts import Host
from clmdeploy.planners.backup import PointWish
from clmdeploy.planners.point_facts import PointFacts, ServerRole
from clmdeploy.planners.restore import plan_restore, plan_start
from clmdeploy.planners.restore_wish import ClusterFacts, Left, RestoreWish, Scope, SendersWish
from tests.unit.backups.conftest import BEGIN, Made, make_point

from .conftest import SETTINGS, fleet, release, wish

OLD, NEW = release("1.2.0"), release("1.3.0")
KEYS = {"access_key": {"env": "A"}, "secret_key": {"env": "B"}}
BACKUP = {
    "storage": {"bucket": "clm-backups", "keys": KEYS},
    "database": {"passphrase": {"env": "P"}},
    "files": {"passphrase": {"env": "Q"}},
}
SETTINGS_WITH_BACKUP = Environment.model_validate(SETTINGS | {"backup": BACKUP})
DB1, DB2, BACKUP1, LB1 = (
    Host(name=name, address=f"192.0.2.{number}", groups=(name[:-1],))
    for number, name in enumerate(("db1", "db2", "backup1", "lb1"), 10)
)


def point(
    ran: str | None = OLD.directory, tree: str = "/opt/clm/shared/content", host: str = "worker1"
) -> RestorePoint:
    document = make_point(Made(BEGIN)).model_dump(mode="json") | {"environment": "test", "release": ran}
    document["files"][0] |= {"host": host, "path": tree}
    return RestorePoint.model_validate(document)


def cluster(host: Host, **more: Any) -> ClusterFacts:  # Any: whatever differs
    known: dict[str, Any] = {"host": host, "running": True, "readable": True, "timeline": 1, "free": 10**12}
    return ClusterFacts(**(known | more))


def wanting(
    runs: Any = OLD, scope: Scope | None = None, found: FleetFacts | None = None, *,
    made: RestorePoint | None = None, **more: Any,
) -> RestoreWish:  # fmt: skip
    """Wanting `point()` back on a fleet that runs `runs`, with a primary db1 and a standby db2."""
    stands = found or fleet(runs, apps=2)
    hosts = (*(facts.host for facts in stands.hosts), DB1, DB2, BACKUP1)
    files = tuple(host for host in hosts if set(host.groups) & {"app", "worker"})
    backup = Backup.model_validate(BACKUP)
    layout = Layout(SETTINGS_WITH_BACKUP, backup, Parties(BACKUP1, (DB1, DB2), files))
    servers = (
        ServerRole(host=DB1, version="17", archive_mode="on"),
        ServerRole(host=DB2, version="17", archive_mode="on", standby=True),
    )
    facts = PointFacts(servers=servers, release=runs, schema_version=1)
    chosen = made or point()
    known: dict[str, Any] = {
        "settings": SETTINGS_WITH_BACKUP, "backup": backup, "backup_host": BACKUP1, "inputs": {"settings": "s" * 64},
        "scope": scope or Scope(), "choice": to_point(chosen), "until": chosen.database.wal.until.name,  # type: ignore[union-attr]
        "fleet": stands, "rollout": wish(OLD, stands), "point": PointWish(layout, facts, {"settings": "s" * 64}),
        "clusters": (cluster(DB1, slots=("db2",)), cluster(DB2, recovery=True)),
        "repositories": {host.name: f"rest:https://backup1:8000/{host.name}/" for host in files}, "hosts": hosts,
    }  # fmt: skip
    return RestoreWish(**(known | more))


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps if not step.id.startswith(("safety-", "after-"))]


WHOLE = [
    "restorable", "files-restorable", "stop-take-out", "stop-components", "close", "stop-standbys", "stop-database",
    "database", "recover", "standbys", "follow", "files", "open", "start-components", "start-put-back",
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        (wanting(), WHOLE),
        (wanting(NEW), [*WHOLE[:2], "stage", *WHOLE[2:12], "release-switch", *WHOLE[12:]]),
        (wanting(start_senders=True), [*WHOLE, "start-workers"]),
        (wanting(NEW, Scope(files=False)), [name for name in WHOLE if name not in ("files", "files-restorable")]),
        (
            wanting(scope=Scope(database=False)),
            ["files-restorable", "stop-take-out", "stop-components", "files", "start-components", "start-put-back"],
        ),
        (wanting(scope=Scope(database=False, path="/opt/clm/shared/content/a", directory="/root/side")), ["files"]),
        (
            wanting(clusters=(cluster(DB1),)),
            [one for one in WHOLE if one not in ("stop-standbys", "standbys", "follow")],
        ),
    ],
    ids=["whole", "other-release", "start-workers", "db", "files", "beside", "no-standby"],
)
def test_what_is_done_follows_from_what_is_wanted(wanted: RestoreWish, steps: list[str]) -> None:
    """One recipe: what is not wanted, or not there, is left out of it, and nothing changes its order."""
    assert ids(plan_restore(wanted)) == steps


def test_what_stands_is_stored_before_anything_is_touched() -> None:
    """The safety point ends before any data goes, and when nobody writes any more; a point on the new timeline is made
    last, and holds nobody up.
    """
    plan = plan_restore(wanting())
    names = [step.id for step in plan.steps]
    order = ("restorable", "safety-archived", "stop-take-out", "stop-components", "safety-publish", "database")
    assert [name for name in names if name in order] == list(order)
    assert names[-1] == "after-publish"
    assert not any(step.essential for step in plan.steps if step.id.startswith("after-"))
    assert all(
        step.data for step in plan.steps if not isinstance(step.action, TaskCall) or step.action.act != "balance"
    )
    assert [step.id for step in plan.irreversible] == ["database", "files"]


def test_nobody_gets_the_data_between_the_safety_point_and_the_end_of_the_stop() -> None:
    """A nightly backup that waits for the lease would pause all this with every server out of the balancer."""
    plan = plan_restore(wanting())
    names = [step.id for step in plan.steps]
    between = plan.steps[names.index("safety-archived") : names.index("safety-publish") + 1]
    assert [step.id for step in between if not step.data] == []


def test_all_before_the_data_is_replaced_is_taken_back_and_nothing_after() -> None:
    """A failure before leaves what stood; one later is gone on with, not undone halfway."""
    plan = plan_restore(wanting(NEW))
    turn = [step.id for step in plan.steps].index("database")
    assert {step.undo for step in plan.steps[turn + 1 :]} <= {"keep", "nothing", "irreversible"}
    stops = [step for step in plan.steps[:turn] if step.stage == "stop" and not step.id.startswith("safety-")]
    assert [step.undo for step in stops] == ["restore"] * 5


def test_the_point_is_reached_by_name_on_its_own_timeline() -> None:
    """And the LSN at which recovery must have ended is checked afterwards; slots are made again."""
    chosen = point()
    steps = {step.id: step for step in plan_restore(wanting()).steps}
    goal = steps["database"].action.arguments["goal"]  # type: ignore[union-attr]
    assert goal == {"kind": "name", "text": f"clm-{chosen.id}", "timeline": 1}
    recovery = steps["recover"].action.arguments  # type: ignore[union-attr]
    assert (recovery["lsn"], recovery["slots"]) == (chosen.database.wal.named.lsn, ["db2"])  # type: ignore[union-attr]


def test_a_primary_that_is_gone_gets_the_slots_that_its_standbys_follow_by() -> None:
    """It can't tell them any more, and without its slot a standby never streams."""
    gone = cluster(DB1, running=False, readable=False, timeline=0)
    found = wanting(clusters=(gone, cluster(DB2, recovery=True, slot="db2")), reasons={"no_safety_point": "gone"})
    steps = {step.id: step for step in plan_restore(found).steps}
    assert steps["recover"].action.arguments["slots"] == ["db2"]  # type: ignore[union-attr]


def test_a_moment_is_told_with_its_zone() -> None:
    """Nobody has to guess which midnight."""
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    plan = plan_restore(wanting(choice=to_moment([point()], at, Lines(1))))
    assert "as of 2026-01-05T12:00:00+00:00" in plan.title
    assert point().completed.isoformat(timespec="minutes") in plan.title
    assert plan.expected["at"] == "2026-01-05T12:00:00+00:00"


def test_who_sends_is_started_only_where_rows_and_files_agree() -> None:
    """The step knows the answer of the comparison, whose failure stops nothing else."""
    hooked = release("1.2.0", consistency={"group": "worker", "command": ["bin/compare"]})
    found = fleet(hooked, apps=2)
    plan = plan_restore(wanting(hooked, found=found, rollout=wish(hooked, found), start_senders=True))
    steps = {step.id: step for step in plan.steps}
    assert not steps["compare"].essential
    action = steps["start-workers"].action
    assert isinstance(action, TaskCall)
    assert (action.arguments["check"], action.uses) == ("compare", ("compare",))


def test_a_hosts_own_configuration_is_put_back_only_by_name() -> None:
    """/etc/postgresql of last week may not archive: with the data it would undo what was mended since."""
    made = point(tree="/etc/postgresql", host="db1")
    assert "files" not in ids(plan_restore(wanting(made=made)))
    named = wanting(
        made=made, scope=Scope(database=False, path="/etc/postgresql"), repositories={"db1": "rest:https://b:8000/db1/"}
    )
    (files,) = [step for step in plan_restore(named).steps if step.id == "files"]
    assert isinstance(files.action, EngineCall)
    assert [target.host for target in files.targets] == ["db1"]


UNREADABLE = (cluster(DB1, readable=False, fault="no such file"), cluster(DB2, recovery=True))
SILENT = fleet(OLD, apps=2).model_copy(
    update={"hosts": tuple(one.model_copy(update={"reachable": False}) for one in fleet(OLD, apps=2).hosts)}
)


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        (wanting(clusters=UNREADABLE), NothingChanged, "no safety point.*db1.*no such file"),
        (wanting(clusters=(cluster(DB1, free=10**6, used=10**6),)), NothingChanged, "db1: the database needs"),
        (wanting(found=SILENT), HostUnreachable, "app1"),
        (wanting(scope=Scope(database=False, path="/srv/other")), InvalidInput, "holds no /srv/other"),
        (wanting(scope=Scope(directory="/root/side")), UsageError, "takes a path"),
    ],
    ids=["unreadable", "disk", "silent", "path", "directory"],
)  # fmt: skip
def test_what_stands_against_it_is_told_first(wanted: RestoreWish, error: type[Exception], words: str) -> None:
    """Nothing is stopped for a restore that can't be finished."""
    with pytest.raises(error, match=words):
        plan_restore(wanted)


def test_an_unreadable_database_is_restored_for_a_reason() -> None:
    """Without a safety point; and nobody waits for an archive that nobody fills."""
    plan = plan_restore(wanting(clusters=UNREADABLE, reasons={"no_safety_point": "the disk is gone"}))
    steps = {step.id: step for step in plan.steps}
    assert not any(name.startswith("safety-") for name in steps)
    assert "close" not in steps
    assert steps["stop-database"].action.arguments["archived"] is False  # type: ignore[union-attr]
    assert plan.reasons == {"no_safety_point": "the disk is gone"}


def test_starting_later_is_a_change_of_its_own() -> None:
    """It names the hosts where something is kept stopped, and has no steps where nothing is."""
    found = fleet(OLD, apps=1)
    stopped = found.model_copy(
        update={
            "hosts": tuple(
                one.model_copy(update={"stopped": {"worker": "a change"} if one.host.name == "worker1" else {}})
                for one in found.hosts
            )
        }
    )
    plan = plan_start(SendersWish(settings=SETTINGS_WITH_BACKUP, inputs={}, fleet=stopped))
    assert [(step.id, [target.host for target in step.targets]) for step in plan.steps] == [
        ("start-workers", ["worker1"])
    ]
    assert plan_start(SendersWish(settings=SETTINGS_WITH_BACKUP, inputs={}, fleet=found)).steps == ()


LEFT = Left(
    change="20260101-000000000-restore-aaaa", primary="db1", slots=("db2",), release=True,
    safety="20260101-000000000-aaaa01", trees=(("worker1", "/opt/clm/shared/content"),),
)  # fmt: skip


def held() -> FleetFacts:
    """Servers that a restore took out, and one that a person did."""
    found = fleet(OLD, apps=3)
    holders = {"app1": LEFT.change, "app2": "20251231-000000000-restore-bbbb", "app3": ""}
    servers = tuple(one.model_copy(update={"state": "maint", "holder": holders[one.server]}) for one in found.servers)
    return found.model_copy(update={"servers": servers})


def test_who_takes_the_place_of_another_restore_takes_on_what_that_has_left() -> None:
    """No safety point of a wreck; its slots are made again, its servers come back, and nothing goes back to it."""
    stands = held()
    plan = plan_restore(wanting(found=stands, rollout=wish(OLD, stands), left=LEFT, clusters=UNREADABLE))
    steps = {step.id: step for step in plan.steps}
    assert (plan.expected["supersedes"], plan.expected["safety"]) == (LEFT.change, LEFT.safety)
    assert not any(name.startswith("safety-") for name in steps)
    assert "stop-take-out" not in steps
    assert [one.subject for one in steps["start-put-back"].targets] == ["app1", "app2"]
    assert steps["recover"].action.arguments["slots"] == ["db2"]  # type: ignore[union-attr]
    assert plan.policy.on_failure == "stop"
    assert "safety point" in plan.verdict.reason


def test_what_serves_again_is_stored_before_it_is_replaced_once_more() -> None:
    """The stuck one may have come as far as to let people write."""
    plan = plan_restore(wanting(left=LEFT))
    assert any(step.id == "safety-publish" for step in plan.steps)


@pytest.mark.parametrize(
    ("scope", "lacking"),
    [
        (Scope(files=False), "worker1:/opt/clm/shared/content, release"),
        (Scope(database=False), "db, release"),
        (Scope(database=False, path="/opt/clm/shared/content/a"), "worker1:/opt/clm/shared/content, db, release"),
    ],
)
def test_what_was_half_replaced_is_brought_back_as_a_whole(scope: Scope, lacking: str) -> None:
    """A part of it would start a service on the other part's wreck."""
    with pytest.raises(NothingChanged, match=lacking):
        plan_restore(wanting(scope=scope, left=LEFT))


def test_to_the_end_of_the_log_means_all_that_is_archived() -> None:
    """What lies beside the data only is refused before it is removed; and recovery that ended early is no success."""
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    end, moment = to_end([point()], Lines(1)), to_moment([point()], at, Lines(1))
    gone = {"clusters": UNREADABLE, "reasons": {"no_safety_point": "the disk is gone"}}
    newest, begins = "000000010000000100000002", "1/2000000"
    for choice, more, archived, least in (
        (end, {}, True, begins), (end, gone, True, begins), (moment, gone, False, ""),
        (moment, {"reasons": {"no_safety_point": "no room"}}, True, ""),
    ):  # fmt: skip
        steps = {step.id: step for step in plan_restore(wanting(choice=choice, until=newest, **more)).steps}
        assert steps["stop-database"].action.arguments["archived"] is archived  # type: ignore[union-attr]
        assert steps["recover"].action.arguments["least"] == least  # type: ignore[union-attr]


def test_a_rollback_with_a_restore_is_a_restore_onto_the_release_that_was_asked_for() -> None:
    """One composition for both: the same steps; title and release alone are the rollback's."""
    back, plain = plan_restore(wanting(NEW, goes_back=True)), plan_restore(wanting(NEW))
    assert back.steps == plain.steps
    assert back.title == f"Roll clm back to 1.2.0 in test, with the data of {point().id}"
    assert back.to_release == OLD.directory


SCHEMA = {
    "needs": 1, "group": "app", "version_command": ["bin/version"],
    "migrations": [
        {"version": 2, "kind": "contract", "apply": ["a"], "revert": ["r"], "oldest_compatible_app": "1.3.0"},
    ],
}  # fmt: skip


def test_nothing_is_started_before_the_release_has_seen_the_schema() -> None:
    """After the door is open and before anything starts; and the point that follows tells the version found there."""
    old, new = release("1.2.0", schema=SCHEMA | {"migrations": []}), release("1.3.0", schema=SCHEMA)
    found = fleet(new, apps=2)
    plan = plan_restore(wanting(new, found=found, rollout=wish(old, found)))
    names = [step.id for step in plan.steps]
    assert names.index("open") < names.index("schema") < names.index("start-components")
    steps = {step.id: step for step in plan.steps}
    assert steps["schema"].essential
    assert (steps["schema"].action.arguments["needs"], steps["schema"].action.arguments["broken"]) == (1, [2])  # type: ignore[union-attr]
    assert "schema" in steps["after-publish"].action.uses  # type: ignore[union-attr]
    assert plan.to_release == old.directory


def test_the_slot_of_a_standby_is_made_again_although_its_primary_is_gone() -> None:
    """The standby itself knows by which it follows; without it the standby would wait in vain."""
    gone = (cluster(DB1, readable=False, fault="no data"), cluster(DB2, recovery=True, slot="db2"))
    plan = plan_restore(wanting(clusters=gone, reasons={"no_safety_point": "the disk is gone"}))
    steps = {step.id: step for step in plan.steps}
    assert steps["recover"].action.arguments["slots"] == ["db2"]  # type: ignore[union-attr]


TABLES = Scope(files=False, tables=(table_name("public.a"), table_name('"B"."c d"')), directory="/root/side")


def test_single_tables_come_out_of_a_second_cluster_that_is_removed_again() -> None:
    """On a standby where it has the room; nothing that runs is stopped, and all of it can be taken back."""
    plan = plan_restore(
        wanting(scope=TABLES, clusters=(cluster(DB1, beside=10**12), cluster(DB2, beside=10**12, recovery=True)))
    )
    assert [step.id for step in plan.steps] == ["restorable", "aside", "cluster", "tables", "aside-gone"]
    assert {target.host for step in plan.steps[1:] for target in step.targets} == {"db2"}
    assert [step.undo for step in plan.steps] == ["nothing", "restore", "nothing", "restore", "nothing"]
    assert {step.stage for step in plan.steps[1:]} == {"beside"}  # no pause in between
    steps = {step.id: step.action.arguments for step in plan.steps}
    assert steps["cluster"]["side"] == steps["aside"]["place"] + "/data" == "/var/lib/postgresql/17/main-aside/data"
    assert [one["file"] for one in steps["tables"]["tables"]] == ["public.a.dump", "B.c%20d.dump"]
    assert (plan.verdict.kind, plan.from_release, plan.to_release) == ("safe", None, None)


@pytest.mark.parametrize("kind", ["time", "default"])
def test_of_a_moment_what_was_written_last_is_stored_first(kind: str) -> None:
    """By the primary, where one takes writes; recovery to a moment needs a commit behind it."""
    at = datetime(2026, 1, 6, 3, tzinfo=UTC)
    choice = to_moment([point()], at, Lines(1)) if kind == "time" else to_end([point()], Lines(1))
    clusters = (cluster(DB1, beside=10**12), cluster(DB2, beside=10**12, recovery=True))
    plan = plan_restore(wanting(scope=TABLES, clusters=clusters, choice=choice))
    (log,) = (step for step in plan.steps if step.id == "log")
    assert [step.id for step in plan.steps][:3] == ["restorable", "log", "aside"]
    assert [target.host for target in log.targets] == ["db1"]
    silent = (cluster(DB1, beside=10**12, readable=False), clusters[1])
    assert "log" not in [step.id for step in plan_restore(wanting(scope=TABLES, clusters=silent, choice=choice)).steps]


@pytest.mark.parametrize(("oid", "databases"), [(16384, ["clm"]), (13647, []), (0, [])])
def test_only_its_own_database_is_laid_down_where_that_can_be(oid: int, databases: list[str]) -> None:
    """pgBackRest leaves none of the server's own databases out, and refuses to be asked for one."""
    plan = plan_restore(wanting(scope=TABLES, clusters=(cluster(DB1, beside=10**12, oid=oid),)))
    (order,) = (step.action.arguments for step in plan.steps if step.id == "cluster")
    assert order["databases"] == databases


def test_without_room_for_a_second_cluster_nothing_begins() -> None:
    """The primary serves where its standby is too small; where both are, each is named with what it has."""
    small = cluster(DB2, beside=10**6, recovery=True)
    able = plan_restore(wanting(scope=TABLES, clusters=(cluster(DB1, beside=10**12), small)))
    assert {target.host for step in able.steps[1:] for target in step.targets} == {"db1"}
    with pytest.raises(NothingChanged, match=r"db1: a second cluster needs \d+ MiB, 0 MiB are free\ndb2: "):
        plan_restore(wanting(scope=TABLES, clusters=(cluster(DB1), small)))
