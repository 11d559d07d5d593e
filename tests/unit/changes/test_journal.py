"""The journal: one chain across changes, a signed head, and no edit that passes."""

from __future__ import annotations

import json

import pytest

from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.ending import Ending
from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.signed_plan import read_signed_plan
from clmdeploy.changes.verification import verify, walk
from clmdeploy.model.errors import InvalidInput, OutcomeUnknown, VerificationFailed
from clmdeploy.model.value import canonical_json, sha256_hex

from .conftest import Stage, make_plan

WHO = Who(principal="p", user="u", host="h")


@pytest.fixture
def told(stage: Stage) -> Stage:
    """Two finished changes: the second found nothing left to switch but was journalled all the same."""
    for change in ("c1", "c2"):
        stage.conductor().begin(change, stage.signed(make_plan()), "why", 0)
        for name in ("app1", "app2"):
            stage.hosts.host(name).current = "1.0.0-aaaaaaaa"
    return stage


def test_the_chain_runs_across_changes(told: Stage) -> None:
    """The second change's first event names the first one's last."""
    events = list(walk(told.journal))
    assert [event.change for event in events] == ["c1"] * (len(events) // 2) + ["c2"] * (len(events) // 2)
    assert verify(told.journal) == len(events)


def every_event() -> list[str]:
    stage = Stage()
    stage.conductor().begin("c1", stage.signed(make_plan(migrate=False)), "why", 0)
    return [key.rsplit("/", 1)[1] for key in stage.store.keys("test/changes/c1/events/")]


@pytest.mark.parametrize("number", every_event())
def test_an_edited_event_is_found(told: Stage, number: str) -> None:
    """Whichever event somebody with bucket rights rewrites, the chain no longer fits."""
    key = f"test/changes/c1/events/{number}"
    document = json.loads(told.store.get(key).body)
    document["who"]["principal"] = "somebody else"
    told.store.put(key, canonical_json(document))
    with pytest.raises(VerificationFailed):
        verify(told.journal)


@pytest.mark.parametrize("number", every_event())
def test_a_missing_event_is_found(told: Stage, number: str) -> None:
    """Whichever event is deleted."""
    del told.store._objects[f"test/changes/c1/events/{number}"]
    with pytest.raises(VerificationFailed):
        verify(told.journal)


def test_swapped_events_are_found(told: Stage) -> None:
    """Order is part of the chain."""
    one, other = (f"test/changes/c1/events/00000{number}" for number in (2, 3))
    first, second = told.store.get(one).body, told.store.get(other).body
    told.store.put(one, second)
    told.store.put(other, first)
    with pytest.raises(VerificationFailed):
        verify(told.journal)


def test_a_whole_change_that_vanished_is_found(told: Stage) -> None:
    """Neither the newest change nor an older one can be dropped."""
    for key in list(told.store.keys("test/changes/c2/events/")):
        del told.store._objects[key]
    with pytest.raises(VerificationFailed):
        verify(told.journal)


def test_a_journal_rebuilt_without_the_key_is_found(told: Stage) -> None:
    """A consistent chain under a head that no trusted key signed."""
    head = json.loads(told.store.get("test/journal/head").body)
    head["head"]["owed"] = {"app1": "c1"}
    told.store.put("test/journal/head", canonical_json(head))
    with pytest.raises(VerificationFailed, match="not signed by a trusted key"):
        verify(told.journal)


def test_the_loser_of_a_number_stops(stage: Stage) -> None:
    """Two control nodes can't both go on with one change."""
    log = ChangeLog.opened(stage.journal, "c1", stage.signed(make_plan()), WHO, {})
    rival = ChangeLog.taken_over(stage.journal, "c1", WHO, {})
    with pytest.raises(OutcomeUnknown, match="another control node"):
        log.append("paused")
    rival.append("paused")


def test_a_plan_with_one_changed_byte_is_refused(stage: Stage) -> None:
    """Every byte of a signed plan counts: it is refused or means exactly the same."""
    signed = stage.signed(make_plan())
    body = canonical_json(signed)
    refused = 0
    for position in range(0, len(body), 7):
        edited = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        try:
            assert read_signed_plan(edited, stage.signer, "FILE") == signed
        except InvalidInput:
            refused += 1
    assert refused > len(body) // 10


def test_two_plans_from_the_same_inputs_have_the_same_digest() -> None:
    """The digest names what will be done, not when it was planned."""
    assert make_plan().digest == make_plan().digest
    assert make_plan().digest != make_plan(migrate=False).digest


def test_a_plan_that_was_replaced_is_found(told: Stage) -> None:
    """Even by another plan that a trusted key signed."""
    told.store.put("test/changes/c1/plan", canonical_json(told.signed(make_plan(migrate=False))))
    with pytest.raises(VerificationFailed, match="not the one that its journal announced"):
        verify(told.journal)


def test_events_that_the_signed_head_does_not_vouch_for_are_not_gone_on_with(told: Stage) -> None:
    """A consistent change under the same ID, rewritten without the key: neither resumed nor aborted."""
    log = json.loads(told.store.get("test/changes/c2/events/000000").body)
    told.store.put("test/changes/c2/events/000000", canonical_json(log | {"nonce": "forged"}))
    for key in list(told.store.keys("test/changes/c2/events/"))[1:]:
        del told.store._objects[key]
    with pytest.raises(VerificationFailed, match="not the one that the signed head names"):
        told.conductor().abort("c2", "why")


def test_a_journal_without_its_head_is_no_new_environment(told: Stage) -> None:
    """Nothing begins beside what may stand open."""
    del told.store._objects["test/journal/head"]
    with pytest.raises(VerificationFailed, match="no signed head"):
        told.conductor().begin("c3", told.signed(make_plan()), "why", 0)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_change_whose_events_were_removed_is_not_settled(told: Stage, kept: int) -> None:
    """Its expired lease would be free for anybody: the signed head knows that it acted."""
    assert told.journal.is_settled("c2")
    *_, last = keys = list(told.store.keys("test/changes/c2/events/"))
    for key in keys[kept:]:
        del told.store._objects[key]
    with pytest.raises(VerificationFailed, match=f"{last} is gone"):
        told.journal.is_settled("c2")


def test_an_event_of_any_size_is_not_read(told: Stage) -> None:
    """Nobody's memory is filled: what is larger than anything that was ever stored is not to be believed."""
    key = list(told.store.keys("test/changes/c2/events/"))[-1]
    told.store.put(key, bytes(17 * 1024**2))
    with pytest.raises(VerificationFailed, match=key):
        told.journal.ledger("c2")


def test_a_second_branch_of_the_chain_is_found(told: Stage) -> None:
    """Nobody can slip in a change beside another."""
    previous = ""
    for number, key in enumerate(list(told.store.keys("test/changes/c2/events/"))):
        document = json.loads(told.store.get(key).body) | {"change": "c3"} | ({"previous": previous} if number else {})
        body = canonical_json(document)
        told.store.put(f"test/changes/c3/events/{number:06d}", body)
        previous = sha256_hex(body)
    with pytest.raises(VerificationFailed, match="both claim"):
        verify(told.journal)


def settled_late(stage: Stage) -> None:
    """c1 left app1 in debt; c2 was done without app1; then app1 came back, c1 was settled, and c3 was done."""

    def silent(act: Guarded) -> Outcome | None:
        gone = act.host.name == "app1" and "perform stage app1" in stage.hosts.log
        return Outcome(status="unreachable", message="no route") if gone else None

    stage.hosts.before = silent
    assert stage.conductor().begin("c1", stage.signed(make_plan(migrate=False)), "why", 0).owed == ("app1",)
    stage.hosts.before = lambda _act: None
    stage.conductor().begin("c2", stage.signed(without_app1()), "go on without app1", 0)
    assert stage.conductor().abort("c1", "it is back").owed == ()
    stage.conductor().begin("c3", stage.signed(make_plan(migrate=False)), "all again", 0)


def without_app1() -> Plan:
    plan = make_plan(migrate=False)
    steps = [
        step.model_copy(update={"targets": tuple(one for one in step.targets if one.subject != "app1")})
        for step in plan.steps
        if not step.id.startswith("batch-1")
    ]
    return plan.model_copy(update={"steps": tuple(steps), "hosts": plan.hosts[1:]})


def test_a_debt_that_is_settled_after_other_changes_stays_in_the_chain(stage: Stage) -> None:
    """Taking an older change up again is no edit: the chain runs through it in the order of what happened."""
    settled_late(stage)
    order = [event.change for event in walk(stage.journal)]
    assert list(dict.fromkeys(order)) == ["c1", "c2", "c3"]
    assert order.index("c3") > max(index for index, change in enumerate(order) if change == "c1")
    assert verify(stage.journal) == len(order)


@pytest.mark.parametrize("change", ["c1", "c2", "c3"])
def test_no_change_of_an_interleaved_chain_can_be_dropped(stage: Stage, change: str) -> None:
    """Whichever vanishes, another one goes on from an event that is not there."""
    settled_late(stage)
    for key in list(stage.store.keys(f"test/changes/{change}/events/")):
        del stage.store._objects[key]
    with pytest.raises(VerificationFailed):
        verify(stage.journal)


@pytest.mark.parametrize("settled", [False, True])
def test_who_owes_is_known_although_the_head_could_not_follow(stage: Stage, settled: bool) -> None:
    """The control node died between the event that closes a change and the head after it."""

    def silent(act: Guarded) -> Outcome | None:
        gone = act.host.name == "app1" and act.act == "switch"
        return Outcome(status="unreachable", message="no route") if gone else None

    def begin() -> Ending:
        return stage.conductor().begin("c1", stage.signed(make_plan(migrate=False)), "why", 0)

    stage.hosts.before = silent
    if settled:
        begin()
        stage.hosts.before = lambda _act: None
    lag(stage, "closed")
    with pytest.raises(KeyboardInterrupt):
        stage.conductor().abort("c1", "it is back") if settled else begin()
    stage.hosts.before = lambda _act: None
    assert stage.journal.owed() == ({} if settled else {"app1": "c1"})


def lag(stage: Stage, kind: str) -> None:
    """Nothing is stored any more after the first event of `kind`."""
    put = stage.store.put

    def dying(key: str, body: bytes, **more: object) -> str:
        if "/lease/" not in key and any(
            event.kind == kind and event.digest not in before
            for change in stage.journal.changes()
            for event in stage.journal.events(change)
        ):
            raise KeyboardInterrupt
        return put(key, body, **more)  # type: ignore[arg-type]

    before = {event.digest for change in stage.journal.changes() for event in stage.journal.events(change)}
    stage.store.put = dying  # type: ignore[method-assign]


def test_what_an_older_version_stored_stays_valid(told: Stage) -> None:
    """A field that a newer version knows with a default, and the older one did not write, breaks no digest."""
    stage, previous = Stage(), "0" * 64
    for key in told.store.keys("test/changes/c1/events/"):
        event = json.loads(told.store.get(key).body) | {"previous": previous}
        if event["kind"] == "step-finished":
            del event["detail"]  # as if `detail` had been added since
        stage.store.put(key, canonical_json(event))
        previous = sha256_hex(canonical_json(event))
    stage.store.put("test/changes/c1/plan", told.store.get("test/changes/c1/plan").body)
    head = {"format": "head/1", "environment": "test", "last": {"change": "c1", "seq": 0, "digest": previous}}
    signature = stage.signer.sign("clmdeploy.journal", canonical_json(head)).decode()
    stage.store.put("test/journal/head", canonical_json({"head": head, "signature": signature}))
    assert verify(stage.journal) > 10
