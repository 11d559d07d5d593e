"""A storage that falls silent for a while, anywhere in a change: nobody has to help."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.verification import verify
from clmdeploy.model.errors import OutcomeUnknown, StoreUnavailable

from .conftest import NEW, Stage, make_plan, prepared


class Moody(MemoryStore):
    """A bucket whose writes may fail: `mood` of the number of the write (leases apart) says how."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.failures: dict[int, str] = {}

    def put(self, key: str, body: bytes, **condition: Any) -> str:
        if "/lease/" in key:
            return super().put(key, body, **condition)
        mood = self.failures.get(self.number, "")
        self.number += 1
        if mood == "refused":
            raise StoreUnavailable("the storage does not answer")
        etag = super().put(key, body, **condition)
        if mood == "unheard":
            raise StoreUnavailable("the answer was lost")
        return etag


def moody_stage(**failures: str) -> tuple[Stage, Moody]:
    store = Moody()
    store.failures = {int(number.removeprefix("n")): mood for number, mood in failures.items()}
    return prepared(Stage(store=store)), store


def writes_of_a_run() -> int:
    stage, store = moody_stage()
    stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    return store.number


@pytest.mark.parametrize("mood", ["refused", "unheard"])
@pytest.mark.parametrize("number", range(2, writes_of_a_run()))
def test_a_short_silence_at_any_write_is_outlasted(mood: str, number: int) -> None:
    """Three tries in a row fail, whether the write happened or not: the change ends as if nothing had been."""
    stage, store = moody_stage(**{f"n{number + more}": mood for more in range(3)})
    ending = stage.conductor().begin("c1", stage.signed(make_plan()), "why", 0)
    assert ending.state == "done"
    assert {stage.hosts.host(name).current for name in ("app1", "app2")} == {NEW}
    assert stage.hosts.log.count("perform switch app1") == 1
    assert verify(stage.journal) > 0
    assert store.number > number + 3


def test_a_result_that_could_not_be_stored_is_kept_here_and_brought_in_later() -> None:
    """The storage stays silent after a switch: this control node keeps the result, and its resume stores it."""
    stage, store = moody_stage()
    conductor = stage.conductor()

    def fall_silent(act: Any) -> None:
        if act.act == "switch" and act.guard == "run":
            store.failures = dict.fromkeys(range(10_000), "refused")

    stage.hosts.after = fall_silent
    lease_puts_fail(store)
    with pytest.raises(OutcomeUnknown):
        conductor.begin("c1", stage.signed(make_plan()), "why", 0)
    stage.hosts.after = lambda _act: None
    store.failures.clear()
    probes = len([one for one in stage.hosts.received if one.guard == "probe"])
    stage.conductor().resume("c1", "it answers again")
    assert len([one for one in stage.hosts.received if one.guard == "probe"]) == probes, "nothing had to be asked"
    assert [event.kind for event in stage.journal.events("c1")].count("taken-over") == 1
    assert verify(stage.journal) > 0


def lease_puts_fail(store: Moody) -> None:
    """Heartbeats fail as well once the rest does."""
    put = store.put

    def both(key: str, body: bytes, **condition: Any) -> str:
        if "/lease/" in key and store.failures:
            raise StoreUnavailable("the storage does not answer")
        return put(key, body, **condition)

    store.put = both  # type: ignore[method-assign]
