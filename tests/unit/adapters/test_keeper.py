"""Acts on the storage as steps: what goes wrong is an outcome, and what is not known is called that."""

from __future__ import annotations

from typing import Any

import pytest

from clmdeploy.adapters.keeper import Keeper
from clmdeploy.backups.work import Arguments, Found
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.model.errors import Conflict, NothingChanged, StoreRefused, StoreUnavailable
from clmdeploy.model.hosts import Host


class Act:
    """Tells which of its verbs was called, or fails."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails

    def perform(self, arguments: Arguments) -> Found:
        return self._told("perform", arguments)

    def restore(self, arguments: Arguments) -> Found:
        return self._told("restore", arguments)

    def probe(self, arguments: Arguments) -> Found:
        return self._told("probe", arguments)

    def _told(self, verb: str, arguments: Arguments) -> Found:
        if self.fails:
            raise self.fails
        return {"verb": verb, **arguments}


def asked(**fields: Any) -> Guarded:  # Any: fields of Guarded
    told = {"key": "backup", "host": Host(name="backup", address="192.0.2.1"), "environment": "u", "guard": "run"}
    return Guarded.model_validate({**told, "act": "write", "arguments": {"point": "p"}, **fields})


def outcome(how: Act, **fields: Any) -> Outcome:  # Any: fields of Guarded
    heard: dict[str, Outcome] = {}
    found = Keeper({"write": how}).perform([asked(**fields)], heard.__setitem__)
    assert found == heard
    return found["backup"]


@pytest.mark.parametrize(
    ("fields", "verb"),
    [({}, "perform"), ({"verb": "restore"}, "restore"), ({"guard": "ask", "verb": "probe"}, "probe")],
)
def test_each_verb_reaches_the_act(fields: dict[str, str], verb: str) -> None:
    """With its arguments; what it tells comes back."""
    assert outcome(Act(), **fields) == Outcome(status="done", result={"verb": verb, "point": "p"})


@pytest.mark.parametrize(
    ("error", "status", "acted"),
    [
        (NothingChanged("it is pinned"), "failed", True), (Conflict("raced"), "failed", True),
        (StoreUnavailable("silence"), "unknown", True), (StoreRefused("keys"), "failed", False),
    ],
)  # fmt: skip
def test_failures_are_outcomes(error: Exception, status: str, acted: bool) -> None:
    """A storage that falls silent leaves it open whether anything was written: the act's own probe looks."""
    assert outcome(Act(error)) == Outcome(status=status, message=str(error), acted=acted)


def test_no_process_knows_what_became_of_an_earlier_act() -> None:
    """The storage does: `probe` asks that."""
    assert outcome(Act(), guard="probe").status == "unknown"


def test_an_act_of_a_later_version_is_refused() -> None:
    """Another control node has planned it."""
    found = outcome(Act(), act="levitate")
    assert (found.status, found.acted, "levitate" in found.message) == ("refused", False, True)
