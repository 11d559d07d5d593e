"""Composes a notice from how an errand ended. Pure: the catalogue, time and randomness are handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from clmdeploy.changes.events import Who
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.lines import Say, cause_words, runs_words, safe_words, verdict_words
from clmdeploy.notices.notice import LANGUAGES, Language, Notice, Occasion, Words
from clmdeploy.queries.aftermath import Aftermath

LONGEST_LINE = 1000  # characters
LONGEST_SUBJECT = 150
MOST_CAUSES = 40


@dataclass(frozen=True)
class Errand:
    """What a command was to do: one change, or one more try at it."""

    environment: str
    title: str
    """for people: `deploy 1.3.0`, or the plan's own title once there is a plan"""
    again: str
    """the command line without the program's name"""
    who: Who
    reason: str = ""


@dataclass(frozen=True)
class Composer:
    """Writes notices of one environment in every language."""

    voices: Mapping[Language, Say]
    command: Callable[[str], str]
    """a whole command line of one without the program's name"""
    zone: str
    now: Callable[[], datetime]
    nonce: Callable[[], str]

    def notice(self, errand: Errand, aftermath: Aftermath, occasion: Occasion, remark: str = "") -> Notice:
        """`remark`: key of a sentence that says more than the ending's own; it may use {change} and {title}."""
        words = {language: self._words(self.voices[language], errand, aftermath, remark) for language in LANGUAGES}
        verdicts = " / ".join(self.voices[language](f"notice.{occasion}") for language in LANGUAGES)
        subject = printable(f"[{errand.environment}] {errand.title}: {verdicts}", LONGEST_SUBJECT)
        return Notice(
            id=self.nonce(), at=self.now().astimezone(ZoneInfo(self.zone)).isoformat(timespec="seconds"),
            environment=errand.environment, occasion=occasion, change=aftermath.change, title=errand.title,
            reason=errand.reason, who=errand.who, subject=subject, words=words,
            ending=ending_document(aftermath, self.command),
        )  # fmt: skip

    def _words(self, say: Say, errand: Errand, aftermath: Aftermath, remark: str) -> Words:
        said = [say(remark, change=aftermath.change, title=errand.title)] if remark else []
        causes = [_line(cause) for cause in (*said, *cause_words(say, aftermath))]
        left = len(causes) - MOST_CAUSES
        if left > 0:
            causes = [*causes[:MOST_CAUSES], say("notice.more", count=left)]
        following = say("ending.next", command=self.command(aftermath.next)) if aftermath.next else ""
        return Words(
            verdict=_line(verdict_words(say, aftermath)), causes=tuple(causes), next=_line(following),
            runs=_line(say("ending.runs", runs=runs_words(say, aftermath.runs, aftermath.silent))),
            safe=_line(safe_words(say, aftermath)), facts=_facts(say, errand, aftermath.change),
        )  # fmt: skip


def ending_document(aftermath: Aftermath, command: Callable[[str], str]) -> dict[str, JsonValue]:
    """`ending/1`, as documented in docs/json.md."""
    following = command(aftermath.next) if aftermath.next else None
    return aftermath.model_dump(mode="json") | {"safe": aftermath.safe, "next": following}


def _facts(say: Say, errand: Errand, change: str | None) -> tuple[tuple[str, str], ...]:
    who = f"{errand.who.principal} ({errand.who.user}@{errand.who.host})"
    told = {
        "environment": errand.environment, "what": errand.title, "change": change or "", "who": who,
        "job": errand.who.job or "", "reason": errand.reason,
    }  # fmt: skip
    return tuple((say(f"notice.fact_{name}"), _line(value)) for name, value in told.items() if value)


def _line(text: str) -> str:
    return printable(text, LONGEST_LINE)
