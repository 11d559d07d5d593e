"""Somebody has damaged the state bucket: what is not to be believed is named, and at night there is a way back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.turns import Request
from clmdeploy.changes.verification import verify
from clmdeploy.model.errors import ExitCode, NoBucket, StoreRefused
from clmdeploy.model.value import JsonValue, canonical_json, sha256_hex
from tests.unit.cli.desk import Desk

Damage = Callable[[Desk], str]


def events(desk: Desk) -> list[str]:
    """Keys of the newest change's events."""
    return list(desk.state.keys(f"lab/changes/{desk.newest()}/events/"))


def without_events(desk: Desk) -> str:
    """All events of the newest change are gone."""
    keys = events(desk)
    for key in keys:
        del desk.state._objects[key]
    return keys[-1]


def without_its_plan(desk: Desk) -> str:
    """The newest change was never planned."""
    key = f"lab/changes/{desk.newest()}/plan"
    del desk.state._objects[key]
    return key


def with_odd_beginning(desk: Desk) -> str:
    """What the newest change is does not stand in its first event any more."""
    key = events(desk)[0]
    document = json.loads(desk.state.get(key).body)
    del document["detail"]["kind"]
    desk.state.put(key, canonical_json(document))
    return key


def forged(desk: Desk, **fields: JsonValue) -> str:
    """One more event of the newest change, well chained; the signed head does not know it yet."""
    last = events(desk)[-1]
    body = desk.state.get(last).body
    key = f"{last[:-6]}{int(last[-6:]) + 1:06d}"
    document = json.loads(body) | {"seq": int(key[-6:]), "previous": sha256_hex(body), "detail": {}} | fields
    desk.state.put(key, canonical_json(document))
    return key


def with_no_outcome(desk: Desk) -> str:
    """It was closed, somehow."""
    return forged(desk, kind="closed")


def with_an_odd_outcome(desk: Desk) -> str:
    """It was closed as nothing is ever closed."""
    return forged(desk, kind="closed", detail={"state": "weird"})


def with_an_odd_time(desk: Desk) -> str:
    """Nobody can tell before and after."""
    return forged(desk, kind="paused", at="yesterday")


def with_an_odd_token(desk: Desk) -> str:
    """A token is a number."""
    return forged(desk, kind="taken-over", detail={"token": "many"})


DAMAGES = [
    without_events, with_odd_beginning, with_no_outcome, with_an_odd_outcome, with_an_odd_time, with_an_odd_token,
]  # fmt: skip


@pytest.fixture
def stopped(desk: Desk) -> Desk:
    """A rollout that stands half-way."""
    desk.fail("switch", "app2")
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes", "--on-failure", "stop").code == ExitCode.FAILED_PARTLY
    desk.hosts.before = lambda _act: None
    return desk


@pytest.mark.parametrize("verb", ["list", "show", "resume", "abort"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_journal_that_is_not_to_be_believed_is_refused_by_name(stopped: Desk, damage: Damage, verb: str) -> None:
    """Exit code 10 with the key of the event; nothing acts."""
    acted = len(stopped.hosts.log)
    key = damage(stopped)
    said = stopped("change", verb, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err
    assert len(stopped.hosts.log) == acted


@pytest.mark.parametrize("damage", DAMAGES)
def test_status_shows_the_hosts_and_names_the_fault(stopped: Desk, damage: Damage) -> None:
    """At once, since nothing was silent."""
    key, begun = damage(stopped), time.monotonic()
    said = stopped("status", "-e", "lab", "--probe")
    assert (said.code, "app1" in said.out, key in said.out) == (ExitCode.DONE, True, True), said.out
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("verb", ["show", "resume", "abort"])
def test_a_plan_that_is_gone_is_named(stopped: Desk, verb: str) -> None:
    """The journal announced one."""
    key = without_its_plan(stopped)
    said = stopped("change", verb, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err


def test_a_step_that_was_never_planned_is_named(stopped: Desk) -> None:
    """Nobody undoes what no plan knows."""
    key = forged(stopped, kind="undo-finished", step="format", outcomes={"app1": {"status": "failed"}})
    said = stopped("change", "abort", "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err


def test_a_change_that_the_head_knows_is_not_taken_for_unknown(stopped: Desk) -> None:
    """Asked for by its ID, with all of its events gone."""
    change = stopped.newest()
    key = without_events(stopped)
    said = stopped("change", "show", change, "-e", "lab")
    assert (said.code, key in said.err) == (ExitCode.VERIFICATION_FAILED, True), said.err


OFFLINE = ("rollback", "-e", "lab", "--offline", "--reason", "the bucket is damaged", "--yes")


def without_head(desk: Desk) -> str:
    """The signed head is gone, as in a new environment."""
    del desk.state._objects["lab/journal/head"]
    return "no signed head"


def with_forged_head(desk: Desk) -> str:
    """Somebody wrote another one, without the key."""
    document = json.loads(desk.state.get("lab/journal/head").body)
    document["head"]["owed"] = {"app1": "c1"}
    desk.state.put("lab/journal/head", canonical_json(document))
    return "not signed by a trusted key"


def with_rubbish(scope: str) -> Damage:
    """Nobody can tell who is at work."""

    def write(desk: Desk) -> str:
        desk.state.put(f"lab/lease/{scope}", b"rubbish")
        return f"lab/lease/{scope} is not a lease"

    return write


def with_an_endless_lease(desk: Desk) -> str:
    """It is larger than anything that was ever stored."""
    desk.state.put("lab/lease/fleet", bytes(17 * 1024**2))
    return "larger than"


def without_state_bucket(desk: Desk) -> str:
    """It was removed."""
    return lose(desk.state)


def without_release_bucket(desk: Desk) -> str:
    """It was removed."""
    return lose(desk.releases)


def lose(store: MemoryStore) -> str:
    """The storage answers that it has no such bucket."""

    def gone(*_what: object, **_more: object) -> None:
        raise NoBucket("storage s3, bucket clm: there is no such bucket", "create it")

    vars(store).update(get=gone, put=gone, keys=gone)
    return "no such bucket"


BLOCKING = [
    without_head, with_forged_head, with_rubbish("fleet"), with_an_endless_lease, without_events, without_its_plan,
    with_no_outcome, without_state_bucket, without_release_bucket,
]  # fmt: skip


@pytest.fixture
def upgraded(desk: Desk) -> Desk:
    """1.1.0 runs, 1.0.0 is the release before."""
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.DONE
    return desk


@pytest.mark.parametrize("damage", BLOCKING)
def test_damage_leaves_a_way_back(upgraded: Desk, damage: Damage) -> None:
    """`rollback` names the fault and the way without the storage; that way is taken, and says why."""
    named = damage(upgraded)
    refused = upgraded("rollback", "-e", "lab", "--yes")
    assert (refused.code, named in refused.err) in (
        (ExitCode.VERIFICATION_FAILED, True), (ExitCode.INVALID, True),
    ), refused.err  # fmt: skip
    assert "clmdeploy rollback -e lab --offline --reason TEXT" in refused.err
    assert set(upgraded.runs.values()) == {"1.1.0"}
    said = upgraded(*OFFLINE)
    assert (said.code, named in said.err) == (ExitCode.DONE, True), said.err
    assert set(upgraded.runs.values()) == {"1.0.0"}


def test_a_damaged_data_lease_leaves_a_way_back(desk: Desk) -> None:
    """It is read by a way back that reverts a migration; the hint stands there as well."""
    desk.publish("2.0.0", ((1, "expand", "[bin/schema, down]", "2.0.0"),), needs=1)
    desk.install("2.0.0")
    desk.hosts.schema = {"version": 1, "dirty": False}
    for name in ("app1", "app2", "app3", "worker1"):
        desk.hosts.host(name).ledger = [desk.directories["1.0.0"]]
    reasons = ("--confirm", "lab", "--no-restore-point", "x", "--accept-outage", "x")
    named = with_rubbish("data")(desk)
    refused = desk("rollback", "-e", "lab", *reasons)
    assert (refused.code, named in refused.out + refused.err) == (ExitCode.VERIFICATION_FAILED, True), refused.err
    assert "rollback -e lab --offline --reason TEXT" in refused.out + refused.err
    assert desk(*OFFLINE, *reasons).code == ExitCode.DONE
    assert set(desk.runs.values()) == {"1.0.0"}


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_work_that_is_half_done_is_no_dead_end(stopped: Desk, verb: str) -> None:
    """Who settles it is told of the way back, and goes it."""
    without_head(stopped)
    assert "rollback -e lab --offline --reason TEXT" in stopped("change", verb, "-e", "lab").err
    said = stopped(*OFFLINE, "--to", "1.0.0")
    assert said.code == ExitCode.DONE, said.err
    assert set(stopped.runs.values()) == {"1.0.0"}


def test_work_without_a_damaged_storage_is_gone_on_with(upgraded: Desk) -> None:
    """It was cut off: resume and abort take --offline as well."""
    without_head(upgraded)
    upgraded.fail("switch", "app2")
    assert upgraded(*OFFLINE, "--on-failure", "stop").code == ExitCode.FAILED_PARTLY
    upgraded.hosts.before = lambda _act: None
    said = upgraded("change", "resume", "-e", "lab", "--offline")
    assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {"1.0.0"}


@pytest.mark.parametrize("words", [OFFLINE, ("change", "resume", "-e", "lab", "--offline")])
def test_keys_that_are_refused_are_no_outage(upgraded: Desk, words: tuple[str, ...]) -> None:
    """Exit code 4, and it is said: a typing error in the keys must not lead to work without the storage."""

    def refused(*_what: object, **_more: object) -> None:
        raise StoreRefused("storage s3: does not know the access key", "check storage.access_key")

    vars(upgraded.state).update(get=refused)
    said = upgraded(*words)
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert "does not know the access key: it answers, so this is no outage" in said.err
    assert "check storage.access_key" in said.err
    assert set(upgraded.runs.values()) == {"1.1.0"}


def test_damage_elsewhere_is_no_reason_to_act_beside_others(upgraded: Desk) -> None:
    """The lease can still be read: its holder is waited for, and named; once it is gone, the way is free."""
    without_head(upgraded)
    runtime = upgraded.runtime()
    runtime.leases.hold(Request("fleet", runtime.who, "", "do not touch"))
    said = upgraded(*OFFLINE)
    assert (said.code, "do not touch" in said.err) == (ExitCode.LEASE_HELD, True), said.err
    assert upgraded("lease", "release", "-e", "lab").code == ExitCode.DONE
    assert upgraded(*OFFLINE).code == ExitCode.DONE


def test_a_holder_that_is_gone_keeps_nobody_out(upgraded: Desk) -> None:
    """Its lease has stood still for its time to live."""
    runtime = upgraded.runtime()
    held = runtime.leases.acquire(Request("fleet", runtime.who, upgraded.newest(), "why"))
    body = upgraded.state.get("lab/lease/fleet").body
    held.release()
    upgraded.state.put("lab/lease/fleet", body)
    without_head(upgraded)
    said = upgraded(*OFFLINE)
    assert said.code == ExitCode.DONE, said.err


@pytest.mark.parametrize("damage", [without_head, with_rubbish("fleet"), without_state_bucket])
def test_a_new_journal_begins_with_what_was_done_meanwhile(upgraded: Desk, damage: Damage) -> None:
    """Shipping refuses, with the remedy; once what is damaged was moved aside, it begins a new journal."""
    damage(upgraded)
    assert upgraded(*OFFLINE).code == ExitCode.DONE
    refused = upgraded("journal", "ship", "-e", "lab")
    assert refused.code in (ExitCode.VERIFICATION_FAILED, ExitCode.INVALID)
    assert "move lab/ in the bucket aside" in refused.err
    again = upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    assert (again.code, "journal ship -e lab" in again.err) == (refused.code, True)
    upgraded.state = MemoryStore()
    shipped = upgraded("journal", "ship", "-e", "lab", "--json").json["changes"]
    assert upgraded.runtime().journal.changes() == shipped
    said = upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE, said.err
    assert verify(upgraded.runtime().journal) > 0


def test_a_damaged_lease_need_only_be_removed_before_shipping(upgraded: Desk) -> None:
    """Shipping takes one above what the hosts have seen."""
    with_rubbish("fleet")(upgraded)
    assert upgraded(*OFFLINE).code == ExitCode.DONE
    assert "a lease need only be removed" in upgraded("journal", "ship", "-e", "lab").err
    del upgraded.state._objects["lab/lease/fleet"]
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    assert upgraded("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_a_damaged_lease_is_renewed(upgraded: Desk) -> None:
    """As its refusal says: once nobody is at work it is removed, and begins above what the hosts have seen."""
    with_rubbish("fleet")(upgraded)
    refused = upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    assert "remove it; then `clmdeploy lease renew -e lab`" in refused.err
    del upgraded.state._objects["lab/lease/fleet"]
    assert upgraded("lease", "renew", "-e", "lab", "--confirm", "lab").code == ExitCode.DONE
    assert upgraded("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.DONE
