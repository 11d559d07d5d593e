"""What `host` shows: progress, answers of hosts line by line, tables; or one JSON object."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import click

from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.preparation import Preparation
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.failures import as_json
from clmdeploy.cli.questions import is_attended
from clmdeploy.cli.render.console import make_console, make_table
from clmdeploy.model.bilingual import lines
from clmdeploy.model.errors import ClmError, NothingChanged, UsageError
from clmdeploy.model.facts import HostFacts
from clmdeploy.model.faults import printable
from clmdeploy.model.hosts import Host

_LONGEST_LINE = 4000


def agree(invocation: Invocation, environment: str, hosts: Sequence[Host], *, yes: bool) -> None:
    """Ask before hosts are changed. Raises UsageError without a terminal, Abort on a no."""
    if yes:
        return
    if not is_attended():
        raise UsageError(invocation.both("question.missing", flags="--yes"), invocation.both("question.missing_hint"))
    names = ", ".join(host.name for host in hosts)
    click.confirm(invocation.say("host.confirm", environment=environment, hosts=names), abort=True, err=True)


class Progress:
    """Tells of each host as it is done; on a terminal a spinner says that something goes on."""

    def __init__(self, invocation: Invocation, hosts: Sequence[Host], *, check: bool) -> None:
        self._invocation = invocation
        self._console = make_console(stderr=True)
        self._console.quiet = invocation.json
        doing = "host.checking" if check else "host.preparing"
        self._status = self._console.status(invocation.say(doing, count=len(hosts)))

    def __enter__(self) -> Progress:
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def hear(self, key: str, outcome: Outcome) -> None:
        """One host's outcome, from any thread."""
        if not outcome.is_done:
            self._console.print(self._invocation.say("host.failed", host=key))


def tell_preparation(invocation: Invocation, preparation: Preparation, *, check: bool) -> None:
    """The result of each host. Raises what `Preparation.failure` says."""
    failure = preparation.failure()
    if invocation.json:
        hosts = [
            {"host": name, "status": outcome.status, "changed": preparation.changes(name), "message": outcome.message}
            for name, outcome in preparation.outcomes.items()
        ]
        _finish(
            {"format": "host-setup/1", "environment": preparation.environment, "check": check, "hosts": hosts}, failure
        )
        return
    for name, outcome in preparation.outcomes.items():
        changed = preparation.changes(name)
        word = "host.as_wanted" if not changed else "host.would_change" if check else "host.changed"
        if outcome.is_done:
            click.echo(f"{name}: {invocation.say(word, count=changed)}")
    if failure:
        raise failure


class Answers:
    """Collects the answers of `host exec`, and prints each host's as it comes."""

    def __init__(self, invocation: Invocation, hosts: Sequence[Host]) -> None:
        self._invocation = invocation
        self._prefixed = len(hosts) > 1
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome] = {}

    def hear(self, key: str, outcome: Outcome) -> None:
        """One host's answer, from any thread."""
        with self._lock:
            self._outcomes[key] = outcome
            if outcome.is_done and not self._invocation.json:
                show_lines(key if self._prefixed else "", str(outcome.result["stdout"]))
                show_lines(key if self._prefixed else "", str(outcome.result["stderr"]), err=True)
                if outcome.result["cut"]:
                    click.echo(self._invocation.say("host.cut", host=key), err=True)

    def end(self, environment: str, command: Sequence[str]) -> None:
        """Raises NothingChanged, naming hosts, when the command failed or could not be run somewhere."""
        faults = [fault for name, outcome in sorted(self._outcomes.items()) if (fault := _fault(name, outcome))]
        failure = NothingChanged(lines(faults)) if faults else None
        if self._invocation.json:
            hosts = {name: _answer(outcome) for name, outcome in sorted(self._outcomes.items())}
            report = {"format": "host-exec/1", "environment": environment, "command": list(command), "hosts": hosts}
            _finish(report, failure)
        elif failure:
            raise failure


def tell_logs(invocation: Invocation, environment: str, outcomes: Mapping[str, Outcome]) -> None:
    """The journals, host by host. Raises NothingChanged when one could not be read."""
    faults = [outcome.complaint(name) for name, outcome in outcomes.items() if not outcome.is_done]
    failure = NothingChanged(lines(faults)) if faults else None
    if invocation.json:
        hosts = {name: _answer(outcome) for name, outcome in outcomes.items()}
        _finish({"format": "host-logs/1", "environment": environment, "hosts": hosts}, failure)
        return
    for name, outcome in outcomes.items():
        if outcome.is_done:
            show_lines(name if len(outcomes) > 1 else "", str(outcome.result["text"]))
    if failure:
        raise failure


def tell_facts(invocation: Invocation, environment: str, found: Sequence[HostFacts]) -> None:
    """A table, one line a host. Raises NothingChanged when one could not be asked."""
    faults = [facts.message for facts in found if not facts.reachable]
    failure = NothingChanged(lines(faults), f"clmdeploy doctor -e {environment}") if faults else None
    if invocation.json:
        hosts = [facts.model_dump(mode="json", exclude={"manifest_schema"}) for facts in found]
        _finish({"format": "host-facts/1", "environment": environment, "hosts": hosts}, failure)
        return
    table = make_table(invocation, "host", "groups", "release", "services", "system", "memory", "disk_free")
    for facts in found:
        if facts.reachable:
            table.add_row(*_cells(facts))
    make_console().print(table)
    if failure:
        raise failure


def show_lines(prefix: str, text: str, *, err: bool = False) -> None:
    """A host's own words, each line behind its name; nothing in them can steer the terminal."""
    for line in text.splitlines():
        shown = printable(line.expandtabs(), _LONGEST_LINE)
        click.echo(f"{prefix} | {shown}" if prefix else shown, err=err)


def _cells(facts: HostFacts) -> tuple[str, ...]:
    services = [
        f"{unit} {state}" for service in facts.services for unit, state in sorted(dict(service["units"]).items())
    ]
    return (
        facts.host.name, ", ".join(facts.host.groups), facts.version or "-", "\n".join(services) or "-",
        f"{facts.os}, Python {facts.python}", f"{facts.memory // 1024**2} MiB", f"{facts.disk_free // 1024**2} MiB",
    )  # fmt: skip


def _fault(name: str, outcome: Outcome) -> str:
    if not outcome.is_done:
        return outcome.complaint(name)
    code = int(outcome.result["code"])
    return f"{name}: exit code {code}" if code else ""


def _answer(outcome: Outcome) -> dict[str, Any]:  # Any: JSON as the host gave it
    return {"status": outcome.status, "message": outcome.message, **outcome.result}


def _finish(report: dict[str, Any], failure: ClmError | None) -> None:  # Any: JSON
    """One object, with what failed in it, and the exit code."""
    if failure is None:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    click.echo(json.dumps({**report, **as_json(failure)}, ensure_ascii=False))
    raise click.exceptions.Exit(failure.exit_code)
