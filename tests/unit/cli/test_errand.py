"""Errands: a new backup needs no decision about one that was cut off; everything else does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.errand import Errand
from clmdeploy.cli.rollout_options import Consent, Output, RolloutOptions
from clmdeploy.model.errors import OutcomeUnknown


class Stopped:
    """A conductor whose newest change, of some kind, stands open until it is taken back."""

    def __init__(self, kind: str) -> None:
        ledger = SimpleNamespace(plan=SimpleNamespace(kind=kind))
        self.journal: Any = SimpleNamespace(newest_change=lambda: "c1", ledger=lambda _change: ledger)
        self.aborted: list[str] = []

    def await_turn(self, _wait: float, _kind: str | None = None) -> None:
        if not self.aborted:
            raise OutcomeUnknown("c1 stands open")

    def abort(self, change: str, _reason: str) -> None:
        self.aborted.append(change)


def errand() -> Errand:
    options, replaces = RolloutOptions(), ("backup",)
    return Errand(
        Invocation(), "lab", "backup create", options, Consent(), Output(), scope="data", replaces=replaces,  # type: ignore[arg-type]  # kinds
    )  # fmt: skip


def test_a_backup_that_was_cut_off_is_closed_once_the_question_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """And that is said. Until then nothing is touched."""
    conductor: Any = Stopped("backup")
    assert errand()._await_turn(conductor) == "c1"
    assert conductor.aborted == []
    errand()._close(conductor, "c1")
    assert conductor.aborted == ["c1"]
    assert "c1" in capsys.readouterr().err


@pytest.mark.parametrize(("token", "planned"), [(8, 0), (9, 1)])
def test_what_was_planned_while_somebody_else_worked_is_planned_anew(
    monkeypatch: pytest.MonkeyPatch, token: int, planned: int
) -> None:
    """A migration that ended meanwhile has left another schema, which the point must tell."""
    plans: list[str] = []
    monkeypatch.setattr("clmdeploy.changes.signed_plan.sign_plan", lambda plan, _signer: plan)
    standing = (SimpleNamespace(token=7), "etag")
    runtime: Any = SimpleNamespace(turns=SimpleNamespace(read=lambda _scope: standing), signer=None)
    plan: Any = lambda _runtime: plans.append("anew") or "a newer plan"  # noqa: E731
    latest = errand()._latest(runtime, plan)
    before: Any = "the first plan"
    assert latest(before, token) == ("a newer plan" if planned else "the first plan")
    assert len(plans) == planned


def test_what_is_no_backup_waits_for_a_decision() -> None:
    """An expiry that was cut off is gone on with, not thrown away."""
    conductor: Any = Stopped("expire")
    with pytest.raises(OutcomeUnknown):
        errand()._await_turn(conductor)
    assert conductor.aborted == []
