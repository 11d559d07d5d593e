"""Restore: from what stands now to what a restore point holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from clmdeploy.changes.plan import Plan, Policy, Step, Verdict
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.backup import Place, point_steps
from clmdeploy.planners.deploy import running_release
from clmdeploy.planners.point_facts import ServerRole
from clmdeploy.planners.restore_database import database_steps, standby_steps
from clmdeploy.planners.restore_refusals import refuse_unfit
from clmdeploy.planners.restore_steps import (
    SCHEMA,
    check_steps,
    files_steps,
    preflight_steps,
    release_steps,
    senders_steps,
    start_steps,
    stop_steps,
)
from clmdeploy.planners.restore_tables import table_host, table_steps
from clmdeploy.planners.restore_wish import RestoreWish, SendersWish

SAFETY, AFTER = 1, 2
"""points of a restore's own change: what stood before, what stands after"""


def plan_restore(wish: RestoreWish) -> Plan:
    """The plan that brings database, files and release back to what was chosen.

    Raises NothingChanged or HostUnreachable with what stands against it.
    """
    refuse_unfit(wish)
    steps = list(_beside(wish) if wish.scope.directory else _in_place(wish))
    members = wish.members()
    return Plan(
        kind="restore", environment=wish.settings.name, environment_id=wish.settings.uuid,
        application=wish.settings.application, title=_title(wish),
        from_release=None if wish.scope.directory else running_release(members), to_release=_to_release(wish),
        inputs=wish.inputs, hosts=tuple(_hosts(wish, steps)), expected=_expected(wish), steps=tuple(steps),
        policy=_policy(wish), verdict=_verdict(wish), reasons=wish.reasons,
    )  # fmt: skip


def _in_place(wish: RestoreWish) -> Iterator[Step]:
    """In the order in which nothing is lost: what stands now is stored before anything is touched."""
    yield from preflight_steps(wish)
    begun, ended = _safety(wish)
    yield from begun
    yield from stop_steps(wish)
    yield from ended
    if wish.scope.database:
        yield from database_steps(wish)
        yield from standby_steps(wish)
    if wish.scope.files:
        yield from files_steps(wish)
    yield from release_steps(wish)
    yield from check_steps(wish)
    yield from start_steps(wish)
    yield from _renewal(wish)


def _safety(wish: RestoreWish) -> tuple[list[Step], list[Step]]:
    """A restore point of what stands now: its database while that serves, and its files once nobody writes any more.

    What is written into the database meanwhile is in its log; what were written into files after their snapshot would
    be nowhere.
    """
    if not wish.makes_safety_point:
        return [], []
    steps = list(point_steps(wish.point, Place(local=SAFETY, stage="safety", prefix="safety-", data=True)))
    ended = [step.id for step in steps].index(
        "safety-archived" if wish.point.layout.archives else "safety-database"
    ) + 1
    return steps[:ended], [step.model_copy(update={"stage": "stop"}) for step in steps[ended:]]


def _renewal(wish: RestoreWish) -> Iterator[Step]:
    """A restore point of what stands after it, on the new timeline; the service need not wait for it."""
    if not wish.scope.database:
        return
    release = wish.rollout.release if wish.rollout else None
    facts = wish.point.facts.model_copy(
        update={"release": release, "schema_version": wish.choice.base.schema_version, "servers": tuple(_servers(wish))}
    )
    after = replace(wish.point, facts=facts, reason=f"after a restore of {wish.choice.base.id}")
    schema = next((one.id for one in check_steps(wish) if one.id == SCHEMA), "")
    place = Place(local=AFTER, stage="after", prefix="after-", data=True, schema_step=schema)
    for step in point_steps(after, place):
        yield step.model_copy(update={"essential": False})


def _servers(wish: RestoreWish) -> Iterator[ServerRole]:
    """As they will be: the primary takes writes again, though it may not answer now."""
    for server in wish.point.facts.servers:
        is_primary = server.host.name == wish.primary.host.name
        yield server.model_copy(update={"message": "", "standby": not is_primary})


def _beside(wish: RestoreWish) -> Iterator[Step]:
    """What runs is not touched."""
    if wish.scope.tables:
        yield from preflight_steps(wish)
        yield from table_steps(wish)
        return
    yield from files_steps(wish, stage="beside", beside=wish.scope.directory or "")


def plan_start(wish: SendersWish) -> Plan:
    """The plan that starts what a restore has left stopped; without steps where nothing is."""
    members = [facts for facts in wish.fleet.hosts if facts.stopped]
    install = wish.settings.install
    steps = tuple(senders_steps({"root": install.root, "user": install.user}, members)) if members else ()
    return Plan(
        kind="restore", environment=wish.settings.name, environment_id=wish.settings.uuid,
        application=wish.settings.application, title=f"Start in {wish.settings.name} what a restore has left stopped",
        from_release=running_release(members), to_release=running_release(members), inputs=wish.inputs,
        hosts=tuple(facts.host for facts in members), steps=steps, verdict=Verdict(kind="safe", reason=_STOPPED_AGAIN),
        expected={"hosts": {facts.host.name: facts.current for facts in members}},
    )  # fmt: skip


def _to_release(wish: RestoreWish) -> str | None:
    """What runs afterwards: what ran at the moment, which may not be what ran when the base point was made."""
    return wish.rollout.release.directory if wish.scope.whole and wish.rollout is not None else None


def _title(wish: RestoreWish) -> str:
    if wish.goes_back and wish.rollout is not None:
        back = f"Roll {wish.settings.application} back to {wish.rollout.release.version} in {wish.settings.name}"
        return f"{back}, with the data of {wish.choice.base.id}"
    what = (
        wish.scope.path
        or ", ".join(map(str, wish.scope.tables))
        or ", ".join(
            word for word, wanted in (("database", wish.scope.database), ("files", wish.scope.files)) if wanted
        )
    )
    until = f" as of {wish.choice.at.isoformat()}" if wish.choice.at else ""
    where = f" into {wish.scope.directory}" if wish.scope.directory else ""
    where += f" on {table_host(wish).host.name}" if wish.scope.tables else ""
    base = wish.choice.base
    made = f"{base.completed.isoformat(timespec='minutes')}, {base.reason or 'no reason given'}"
    return f"Restore {what} of {wish.settings.name} from {base.id} ({made}){until}{where}"


def _expected(wish: RestoreWish) -> dict[str, JsonValue]:
    """What was found when this was planned, and what is restored."""
    left = wish.left
    taken_on = {"supersedes": left.change, "safety": left.safety} if left is not None else {}
    return taken_on | {
        "hosts": {facts.host.name: facts.current for facts in wish.members()},
        "restores": wish.choice.base.id,
        "files_of": wish.choice.files.id,
        "at": wish.choice.at.isoformat() if wish.choice.at else None,
        "timeline": wish.choice.target.timeline,
        "size": _size(wish),
    }


def _size(wish: RestoreWish) -> int:
    """Bytes that are laid down, on one host: others do so meanwhile."""
    files = sum(tree.part.bytes for tree in wish.trees()) if wish.scope.files else 0
    return files + (wish.choice.base.database.size if wish.scope.database else 0)


def _hosts(wish: RestoreWish, steps: Iterable[Step]) -> Iterator[Host]:
    """Everybody whom a step names."""
    named = {target.host for step in steps for target in step.targets}
    return (host for host in wish.hosts if host.name in named)


def _policy(wish: RestoreWish) -> Policy:
    """What another restore has half done is no state to go back to."""
    return Policy(on_failure="take-back-all" if wish.left is None else "stop")


def _verdict(wish: RestoreWish) -> Verdict:
    if wish.scope.directory:
        return Verdict(kind="safe", reason=_BESIDE)
    if not wish.makes_safety_point and (wish.left is None or wish.left.safety is None):
        return Verdict(kind="needs-restore", reason=_NO_WAY_BACK)
    return Verdict(kind="needs-restore", reason=_BY_SAFETY_POINT)


_BESIDE = Bilingual("what runs is not touched", "работающее не затрагивается")
_NO_WAY_BACK = Bilingual(
    "without a safety point there is no way back to what stands now",
    "без страховочной точки вернуться к нынешнему состоянию нельзя",
)
_BY_SAFETY_POINT = Bilingual(
    "once the data is replaced, the way back is to restore the safety point that is made first",
    "после замены данных путь назад — восстановить страховочную точку, которая создаётся первой",
)
_STOPPED_AGAIN = Bilingual("taking it back stops them again", "откат снова их остановит")
