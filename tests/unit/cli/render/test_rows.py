"""The live picture: every host's step and state, also on a terminal that is too small for all of them."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import moment, span
from clmdeploy.cli.render.progress import LiveProgress
from clmdeploy.cli.render.rows import Rows
from clmdeploy.planners.deploy import plan_deploy
from tests.unit.planners.conftest import NOW, fleet, release, wish

DONE, FAILED, LOST = Outcome(status="done"), Outcome(status="failed"), Outcome(status="unreachable")
ASKED = Outcome(status="unknown")


def plan(apps: int = 3) -> Any:
    return plan_deploy(wish(release("1.1.0"), fleet(release("1.0.0"), apps=apps)), NOW)


def event(kind: Any, step: str = "", outcomes: dict[str, Outcome] | None = None, **detail: Any) -> Event:
    return Event(
        environment="test", change="c1", seq=0, previous="0" * 64, at="2026-01-01T00:00:00+00:00", kind=kind, nonce="n",
        who=Who(principal="p", user="u", host="h"), step=step, outcomes=outcomes or {}, detail=detail,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "outcome", "state"),
    [
        (("step-started",), ASKED, "running"),
        (("step-started", "step-finished"), DONE, "done"),
        (("step-started", "step-finished"), FAILED, "failed"),
        (("step-started", "step-finished"), LOST, "unknown"),
        (("step-started", "step-finished"), Outcome(status="refused", acted=False), "failed"),
        (("undo-started",), ASKED, "undoing"),
        (("undo-started", "undo-finished"), DONE, "undone"),
        (("undo-started", "undo-finished"), FAILED, "owed"),
    ],
)
def test_a_row_follows_its_hosts_events(kinds: tuple[str, ...], outcome: Outcome, state: str) -> None:
    """From waiting to done, failed, not known, taken back or owed; a step about app1 on lb1 is app1's."""
    rows = Rows(plan())
    assert rows.rows["app1"].state == "pending"
    for kind in kinds:
        rows.take(event(kind, "canary-drain", {"app1@lb1": outcome}), 5.0)
    assert (rows.rows["app1"].state, rows.rows["app2"].state) == (state, "pending")


def test_one_host_may_be_through_before_the_others() -> None:
    """Its time stops when it has answered, not when the whole step is over; a gate goes on asking."""
    rows = Rows(plan())
    stage, soak = plan().steps[0], next(step for step in plan().steps if step.id == "canary-soak")
    rows.take(event("step-started", "stage", {"app1": ASKED, "app2": ASKED}), 0.0)
    rows.hear(stage, "app1", DONE, 2.0)
    assert (rows.rows["app1"].seconds(9.0), rows.rows["app2"].seconds(9.0)) == (2.0, 9.0)
    rows.take(event("step-started", "canary-soak", {"app1": ASKED}), 10.0)
    rows.hear(soak, "app1", DONE, 11.0)
    assert rows.rows["app1"].state == "running"


def test_hosts_that_were_left_out_say_so() -> None:
    """They stay in the picture."""
    rows = Rows(plan())
    rows.take(event("host-dropped", "batch-1-switch", hosts=["app2"]), 1.0)
    assert rows.rows["app2"].state == "dropped"


def picture(apps: int, height: int, width: int = 80, encoding: str = "utf-8") -> str:
    """What a terminal shows when app1 has failed and the last host is at work."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding, errors="backslashreplace")
    console = Console(file=stream, force_terminal=True, width=width, height=height, legacy_windows=False)
    progress = LiveProgress(console, Invocation(language="en"), clock=lambda: 0.0)
    with progress:
        made = plan(apps)
        progress.on_opened("c1", made)
        names = {target.key: ASKED for target in made.steps[0].targets}
        progress.on_event(event("step-started", "stage", names))
        progress.on_event(event("step-finished", "stage", dict.fromkeys(names, DONE) | {"app1": FAILED}))
        progress.on_event(event("step-started", made.steps[-1].id, {"worker1": ASKED}))
    stream.flush()
    return written.getvalue().decode(encoding)


def test_a_terminal_of_eighty_columns_shows_every_host_on_one_line() -> None:
    """Nothing is wrapped: long titles end in an ellipsis."""
    last = picture(3, 24).split("\x1b[1A\x1b[2K")[-1]  # the newest picture was drawn over those before
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last)
    rows = [line for line in plain.splitlines() if line.startswith(("app", "worker"))]
    assert [row.split()[0] for row in rows] == ["app1", "app2", "app3", "worker1"]
    assert all(len(row) <= 80 for row in rows)
    assert "5/5 batch-3" in last


def test_a_small_terminal_counts_who_does_not_fit() -> None:
    """Who failed and who is at work come first."""
    shown = picture(20, 12)
    assert "... and 15 more hosts" in shown
    assert "app1 " in shown
    assert "worker1" in shown
    assert "app19" not in shown


def test_a_terminal_without_unicode_shows_the_picture_too() -> None:
    """An ASCII terminal must never end a change half-way."""
    assert "worker1" in picture(3, 24, encoding="ascii")


@pytest.mark.parametrize(
    ("seconds", "words"), [(-1, "0.0 s"), (3.14, "3.1 s"), (59.9, "59.9 s"), (125, "2 min 05 s"), (3720, "1 h 02 min")]
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    """The longer, the coarser."""
    assert span(seconds) == words


def test_times_are_shown_with_their_zone() -> None:
    """In the environment's own."""
    assert moment("2026-07-01T09:00:00+00:00", "Europe/Moscow") == "2026-07-01 12:00:00 MSK"
    assert moment("2026-07-01T09:00:00+00:00", "Asia/Vladivostok").startswith("2026-07-01 19:00:00")


def test_how_far_an_engine_is_stands_before_its_step() -> None:
    """In bytes and rate for as long as it works; an ending says the rest."""
    rows = Rows(plan())
    rows.take(event("step-started", "canary-switch", {"app1": ASKED}), 1.0)
    step = rows.step(event("step-started", "canary-switch"))
    told = {"bytes": 1024**2, "total": 3 * 1024**2, "files": 0, "rate": 2048, "remaining": None}
    rows.hear(step, "app1", Outcome(status="in-flight", result={"progress": told}), 2.0)
    assert (rows.rows["app1"].state, rows.rows["app1"].progress) == ("running", "1 MiB / 3 MiB, 2 KiB/s")
    rows.hear(step, "app1", DONE, 3.0)
    assert rows.rows["app1"].state == "done"
