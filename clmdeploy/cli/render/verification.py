"""A verification while it goes on, and what it found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, moment, size_words, span
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.events import EventLines
from clmdeploy.config.settings import Environment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.verification_report import Report, Watch

EVERY = 5.0  # seconds between two lines
MOST_SHOWN = 40  # objects; JSON has all


@contextmanager
def watch_for(invocation: Invocation, events: bool) -> Iterator[Watch]:
    """The watcher that fits: JSON lines, else lines for people (on stderr with --json)."""
    yield EventWatch() if events else PlainWatch(make_console(stderr=invocation.json), invocation)


class PlainWatch:
    """Lines with bytes, rate and what remains; every object that is not sound at once."""

    def __init__(self, console: Console, invocation: Invocation, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._invocation, self._clock = console, invocation, clock
        self._size = self._done = self._objects = 0
        self._begun = self._told = 0.0

    def begun(self, objects: int, size: int, known: int) -> None:
        self._size, self._begun, self._told = size, self._clock(), self._clock()
        self._say("verify.begun", objects=objects, size=size_words(size), known=known)

    def read(self, objects: int, size: int) -> None:
        now = self._clock()
        self._objects, self._done = self._objects + objects, self._done + size
        if now - self._told < EVERY and self._done < self._size:
            return
        self._told = now
        rate = self._done / max(now - self._begun, 0.001)
        left = span(max(0, self._size - self._done) / rate) if rate else "?"
        done, size_text, speed = size_words(self._done), size_words(self._size), size_words(round(rate))
        self._say("verify.progress", done=done, size=size_text, rate=speed, left=left)

    def found(self, key: str, cause: str) -> None:
        self._say("verify.found", name=printable(key), cause=printable(self._invocation.told(cause)))

    def _say(self, key: str, **fields: object) -> None:
        self._console.print(self._invocation.say(key, **fields), soft_wrap=True, markup=False, highlight=False)


class EventWatch:
    """As JSON, one object a line; documented in docs/json.md."""

    def __init__(self) -> None:
        self._lines = EventLines()

    def begun(self, objects: int, size: int, known: int) -> None:
        self._lines.write({"event": "verify-begun", "objects": objects, "bytes": size, "known": known})

    def read(self, objects: int, size: int) -> None:
        self._lines.write({"event": "verify-read", "objects": objects, "bytes": size})

    def found(self, key: str, cause: str) -> None:
        self._lines.write({"event": "verify-found", "key": key, "cause": cause})


def tell_report(invocation: Invocation, settings: Environment, report: Report, *, events: bool) -> None:
    """For people, as one JSON object, or as the last line of `--events`."""
    document = report_json(settings.name, report)
    if events:
        EventLines().write({"event": "ending", **document})
    elif invocation.json:
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        _show(invocation, settings, report)


def report_json(environment: str, report: Report) -> dict[str, JsonValue]:
    """As documented in docs/json.md."""
    told = report.model_dump(mode="json")
    return {
        "format": "backup-verification/1", "environment": environment, "sound": report.is_sound,
        "rate": round(report.rate), **told, "seconds": round(report.seconds, 1),
    }  # fmt: skip


def _show(invocation: Invocation, settings: Environment, report: Report) -> None:
    console = make_console()
    for words, style in _lines(invocation, settings, report):
        console.print(words, style=style, soft_wrap=True, markup=False, highlight=False)


def _lines(invocation: Invocation, settings: Environment, report: Report) -> Iterator[tuple[str, str]]:
    say = invocation.say
    rate, size = size_words(round(report.rate)), size_words(report.bytes)
    yield say(
        "verify.done", objects=report.objects, size=size, seconds=span(report.seconds), rate=rate, known=report.known
    ), ""  # fmt: skip
    for one in report.troubles[:MOST_SHOWN]:
        harm = "" if one.spoils else f" {say('verify.harmless')}"
        words = say(f"verify.{one.result}", name=printable(one.key), cause=printable(invocation.told(one.cause)))
        yield words + harm, "bold red" if one.spoils else "bold yellow"
    if len(report.troubles) > MOST_SHOWN:
        yield say("verify.more", count=len(report.troubles) - MOST_SHOWN), "bold red"
    for gap in report.gaps:
        yield say("verify.gap", gap=gap), "bold red"
    for fault in report.unbelievable:
        yield say("backup.fault", fault=printable(invocation.told(fault))), "bold red"
    yield from _verdicts(invocation, settings, report)


def _verdicts(invocation: Invocation, settings: Environment, report: Report) -> Iterator[tuple[str, str]]:
    say = invocation.say
    for point, causes in report.spoiled.items():
        first = printable(invocation.told(causes[0]))
        more = f" {say('verify.and_more', count=len(causes) - 1)}" if len(causes) > 1 else ""
        yield say("verify.spoiled", point=point, cause=first) + more, "bold red"
    whole = [at for at in report.verified.values() if at is not None]
    if whole:
        oldest = moment(min(whole).isoformat(), settings.time_zone)
        yield say("verify.whole", count=len(whole), at=oldest), "green" if report.is_sound else ""
    if report.stopped:
        yield printable(invocation.told(report.stopped)), "bold yellow"
        again = command(invocation, f"backup verify -e {settings.name}")
        yield say("verify.left", count=report.left, command=again), ""
    elif not report.is_sound:
        yield say("verify.next", command=command(invocation, f"backup create -e {settings.name} --type full")), ""
