"""Lets a change run and shows it: progress, then what runs where, whether that is safe, and what to type next."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.rollout_options import Output
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import ClmError, ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from clmdeploy.changes.conductor import Conductor
    from clmdeploy.changes.ending import Ending
    from clmdeploy.changes.plan import Plan
    from clmdeploy.changes.world import Watcher
    from clmdeploy.cli.render.watchers import Recorder
    from clmdeploy.cli.vigil import Vigil
    from clmdeploy.planners.outlook import Outlook
    from clmdeploy.queries.aftermath import Aftermath, Behind
    from clmdeploy.runtime import Runtime


@dataclass(frozen=True)
class Run:
    """One run of a change, by one command."""

    runtime: Runtime
    invocation: Invocation
    output: Output
    plan: Plan
    vigil: Vigil
    outlook: Outlook | None = None

    def conduct(self, act: Callable[[Conductor], Ending], *, taking_back: bool = False) -> None:
        """Let `act` run the change; ends the command with its exit code. `taking_back`: that is what was asked for."""
        from clmdeploy.cli.render.watchers import Recorder, Several
        from clmdeploy.queries.aftermath import is_rollout

        recorder = Recorder()
        with self._shown() as watcher:
            result = _attempt(act, self.runtime.conductor(Several((recorder, self.vigil, watcher)), self.plan.scope))
        aftermath = self.vigil.placed(self._aftermath(result, recorder))
        if taking_back and aftermath.state == "taken-back" and not aftermath.failures:
            done = "" if is_rollout(self.plan) else self.plan.title
            aftermath = aftermath.model_copy(update={"exit_code": ExitCode.DONE, "message": done})
        self.tell(aftermath, recorder)
        raise click.exceptions.Exit(int(aftermath.exit_code))

    def tell_nothing_to_do(self) -> None:
        """Everything runs as wanted: neither lease nor journal was touched."""
        from clmdeploy.cli.render.watchers import Recorder
        from clmdeploy.queries.aftermath import after_success

        self.tell(after_success(self.plan, None), Recorder())

    def tell(self, aftermath: Aftermath, recorder: Recorder) -> None:
        """The ending: for people, as one JSON object, or as the last line of `--events`; and JUnit's file."""
        from clmdeploy.cli.render.endings import show_ending

        self.vigil.learn(aftermath)
        if self.output.junit is not None:
            from clmdeploy.cli.render.junit import junit_xml

            _write_report(self.invocation, self.output.junit, junit_xml(self.plan, recorder.events, aftermath))
        # JSON has what became of the notice in it; people see first how it ended.
        delivery = self.vigil.deliver() if self.output.events or self.invocation.json else None
        show_ending(self.invocation, self.output.events, aftermath, delivery)
        self.vigil.deliver()

    @contextmanager
    def _shown(self) -> Iterator[Watcher]:
        """The watcher that fits: JSON lines, a live picture on a terminal, else plain lines (on stderr with --json)."""
        from clmdeploy.cli.render.console import make_console

        console = make_console(stderr=self.invocation.json)
        if self.output.events:
            from clmdeploy.cli.render.events import EventLines

            yield EventLines()
        elif console.is_terminal and not console.is_dumb_terminal and not self.invocation.json:
            from clmdeploy.cli.render.progress import LiveProgress

            with LiveProgress(console, self.invocation) as progress:
                yield progress
        else:
            from clmdeploy.cli.render.lines import PlainProgress

            yield PlainProgress(console, self.invocation, self.runtime.environment.settings.time_zone)

    def _aftermath(self, result: Ending | ClmError, recorder: Recorder) -> Aftermath:
        from clmdeploy.queries.aftermath import after_ending, after_success, after_trouble
        from clmdeploy.queries.status import fleet_status

        if not isinstance(result, ClmError) and result.exit_code == ExitCode.DONE:
            return after_success(self.plan, result.change)
        fleet = fleet_status(self.runtime.hosts, self.runtime.environment, probe=True)
        if isinstance(result, ClmError):
            return after_trouble(result, self.plan.environment, self.vigil.again, fleet, recorder.change)
        return after_ending(result, self.plan, fleet, self._behind(result.change))

    def _behind(self, change: str) -> Behind:
        from clmdeploy.changes.superseding import safety_point
        from clmdeploy.queries import aftermath

        try:
            ledger = self.runtime.journal.ledger(change)
        except ClmError:  # not known, and no reason to hide how it ended; past a point of no return abort refuses
            return aftermath.Behind()
        return aftermath.Behind(passed=any(ledger.irreversible_done()), point=safety_point(ledger))


def refuse_unwritable(output: Output) -> None:
    """Raises UsageError before anything is done, when the JUnit file could not be written after it."""
    if output.junit is not None and not output.junit.absolute().parent.is_dir():
        parent = output.junit.parent
        missing = Bilingual(f"--junit: {parent} is no directory", f"--junit: каталога {parent} нет")
        raise UsageError(missing, f"mkdir -p {parent}")


def _attempt(act: Callable[[Conductor], Ending], conductor: Conductor) -> Ending | ClmError:
    try:
        return act(conductor)
    except ClmError as error:
        return error


def _write_report(invocation: Invocation, path: Path, document: bytes) -> None:
    """A full disk here must not hide how the change ended."""
    from clmdeploy.cli.output_file import appearing

    try:
        with appearing(path) as file:
            file.write(document)
    except OSError as error:
        with contextlib.suppress(OSError):
            click.echo(invocation.say("ending.no_report", path=path, cause=error.strerror or error), file=sys.stderr)
