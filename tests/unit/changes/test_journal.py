"""The journal: one chain across changes, a signed head, and no edit that passes."""

from __future__ import annotations

import json

import pytest

from clmdeploy.changes.events import Who
from clmdeploy.changes.signed_plan import read_signed_plan
from clmdeploy.changes.verification import verify, walk
from clmdeploy.model.errors import InvalidInput, OutcomeUnknown, VerificationFailed
from clmdeploy.model.value import canonical_json

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
    log = stage.journal.open("c1", stage.signed(make_plan()), WHO, {})
    rival = stage.journal.take_over("c1", WHO, {})
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


def test_a_second_branch_of_the_chain_is_found(told: Stage) -> None:
    """Nobody can slip in a change beside another."""
    for number, key in enumerate(list(told.store.keys("test/changes/c2/events/"))):
        document = json.loads(told.store.get(key).body) | {"change": "c3"}
        told.store.put(f"test/changes/c3/events/{number:06d}", canonical_json(document))
    with pytest.raises(VerificationFailed, match="both claim"):
        verify(told.journal)
