"""The chain as it is stored: what fits comes first, and the first fault names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from clmdeploy.changes.chain import BEHIND, StoredEvent, chain
from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.events import GENESIS, Who
from clmdeploy.model.value import canonical_json

from .conftest import Stage, make_plan, prepared

WHO = Who(principal="p", user="u", host="h")


@pytest.fixture
def told(stage: Stage) -> Stage:
    """Two finished changes."""
    for change in ("c1", "c2"):
        stage.conductor().begin(change, stage.signed(make_plan(migrate=False)), "why", 0)
        for name in ("app1", "app2"):
            stage.hosts.host(name).current = "1.0.0-aaaaaaaa"
    return stage


@pytest.fixture
def interleaved() -> Stage:
    """c1 paused, c2 acted, c1 was taken over, c2 was taken over: no honest tool lets c2 begin, but the chain may."""
    stage = prepared(Stage())
    one = ChangeLog.opened(stage.journal, "c1", stage.signed(make_plan()), WHO, {})
    one.append("paused")
    two = ChangeLog.opened(stage.journal, "c2", stage.signed(make_plan()), WHO, {})
    two.append("paused")
    ChangeLog.taken_over(stage.journal, "c1", WHO, {}).append("closed", detail={"state": "done"})
    ChangeLog.taken_over(stage.journal, "c2", WHO, {}).append("closed", detail={"state": "done"})
    return stage


def keys(stage: Stage, change: str) -> list[str]:
    """Where the events of a change are."""
    return list(stage.store.keys(f"test/changes/{change}/events/"))


def edit(stage: Stage, key: str, **changes: object) -> None:
    """Rewrite an event, as somebody with bucket rights can."""
    document = json.loads(stage.store.get(key).body)
    stage.store.put(key, canonical_json({**document, **changes}))


def faults(found: list[StoredEvent]) -> list[str]:
    """Why events don't fit, the first one first."""
    return [one.fault for one in found if one.fault]


def test_a_whole_chain_is_told_in_its_order(told: Stage, interleaved: Stage) -> None:
    """Each event goes on from the one told before it; none is left out, none is told twice; bytes as stored."""
    for stage in (told, interleaved):
        found = list(chain(stage.journal))
        assert not faults(found)
        goes_on_from = [one.event.detail.get("after", one.event.previous) for one in found if one.event]
        assert goes_on_from == [GENESIS, *(one.digest for one in found[:-1])]
        assert sorted(one.key for one in found) == [
            key for key in stage.store.keys("test/changes/") if "/events/" in key
        ]
        assert all(one.body == stage.store.get(one.key).body for one in found)


def test_turns_of_changes_are_kept(interleaved: Stage) -> None:
    """A change that went on after another stands behind it."""
    turns = [one.change for one in chain(interleaved.journal)]
    assert turns == ["c1", "c1", "c2", "c2", "c1", "c1", "c2", "c2"]


def test_nothing_is_told_of_a_new_environment(stage: Stage) -> None:
    """No event, no fault; a plan whose first event was never stored is no change."""
    assert list(chain(stage.journal)) == []
    stage.store.put("test/changes/c0/plan", b"{}")
    assert list(chain(stage.journal)) == []


@pytest.mark.parametrize("number", range(9))
def test_an_edited_event_is_named(told: Stage, number: int) -> None:
    """That event itself, whichever it is, and not the one after it; all events are told all the same."""
    all_keys = keys(told, "c1")
    assert len(all_keys) > 9
    edit(told, all_keys[number], at="2020-01-01T00:00:00+00:00")
    found = list(chain(told.journal))
    assert faults(found)[0] == f"journal event c1/{number:06d} was edited"
    assert set(faults(found)[1:]) == {BEHIND}
    assert len(found) == len(all_keys) + len(keys(told, "c2"))


def test_the_last_event_of_a_change_is_named_by_the_next_change(told: Stage) -> None:
    """Its only follower is another change's first event."""
    last = keys(told, "c1")[-1]
    edit(told, last, at="2020-01-01T00:00:00+00:00")
    assert faults(list(chain(told.journal)))[0] == (
        f"change c2 does not go on from journal event c1/{last[-6:]}: that was edited, or what came between is missing"
    )


Tamper = Callable[[Stage], None]


def swap(stage: Stage) -> None:
    """Two events change places."""
    one, other = keys(stage, "c1")[2:4]
    first, second = stage.store.get(one).body, stage.store.get(other).body
    stage.store.put(one, second)
    stage.store.put(other, first)


def remove(stage: Stage, *found: str) -> None:
    """Delete objects."""
    for key in found:
        del stage.store._objects[key]


def copy_change(stage: Stage) -> None:
    """A rival of c2 that claims the same place."""
    for key in keys(stage, "c2"):
        document = json.loads(stage.store.get(key).body)
        stage.store.put(key.replace("/c2/", "/c3/"), canonical_json({**document, "change": "c3"}))


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (swap, "journal event c1/000002 is out of order: it was number 3"),
        (lambda it: remove(it, keys(it, "c1")[3]), "journal event c1/000003 is missing"),
        (lambda it: remove(it, keys(it, "c1")[0]), "journal event c1/000000 is missing or can't be read"),
        (lambda it: remove(it, *keys(it, "c1")), "change c2 does not begin the chain: what came before it is missing"),
        (lambda it: it.store.put(keys(it, "c1")[4], b"{}"), "journal event c1/000004 can't be read"),
        (lambda it: edit(it, keys(it, "c1")[4], change="c9"), "journal event c1/000004 is one of test/c9"),
        (lambda it: edit(it, keys(it, "c1")[4], previous="0" * 64), "journal event c1/000004 was edited"),
        (copy_change, "changes c2 and c3 both claim the same place in the chain"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(told: Stage, tamper: Tamper, fault: str) -> None:
    """Out of order, missing, foreign, unreadable: the first fault says it."""
    tamper(told)
    assert faults(list(chain(told.journal)))[0] == fault
