"""An ending in words: what failed, what runs where now, whether that is safe, what to type next.

The same sentences stand on a terminal and in a notice. The catalogue is the face's; it is handed in as `say`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from clmdeploy.changes.ending import Failure
from clmdeploy.model.faults import printable
from clmdeploy.queries.aftermath import Aftermath, concerns

MOST_FAILURES = 20  # shown to people; JSON and the journal hold them all


class Say(Protocol):
    """The catalogue's sentence `key` in one language, its fields filled in."""

    def __call__(self, key: str, **fields: object) -> str: ...


def verdict_words(say: Say, aftermath: Aftermath) -> str:
    """How it ended, in a sentence; for endings that are not good."""
    state = "done_partly" if aftermath.state == "done" else aftermath.state.replace("-", "_")
    return say(f"ending.{state}")


def cause_words(say: Say, aftermath: Aftermath) -> list[str]:
    """What led to it: hosts that failed, what broke the run off, hosts that were left out."""
    lines = [_failure_words(say, failure) for failure in aftermath.failures[:MOST_FAILURES]]
    if len(aftermath.failures) > MOST_FAILURES:
        lines.append(say("ending.more_failures", count=len(aftermath.failures) - MOST_FAILURES))
    lines += [printable(line) for line in say("ending.cause", words=aftermath.message).splitlines()]
    if aftermath.dropped:
        lines.append(say("ending.dropped", hosts=", ".join(aftermath.dropped)))
    return lines


def _failure_words(say: Say, failure: Failure) -> str:
    words = say("ending.cause", words=failure.message or failure.status)
    return f"{failure.host}: {printable(failure.step)}: {printable(words)}"


def runs_words(
    say: Say, runs: Mapping[str, Sequence[str]], silent: Sequence[str] = (), *, digests: bool = False
) -> str:
    """`1.1.0 on app1, app2; nothing on app3; no answer from worker1`. `digests`: release directories as they are."""
    parts = []
    for release, hosts in runs.items():
        shown = release if digests else release.rpartition("-")[0]
        key = "ending.runs_on" if release else "ending.runs_nothing"
        parts.append(say(key, release=shown, hosts=", ".join(hosts)))
    if silent:
        parts.append(say("ending.silent", hosts=", ".join(silent)))
    return "; ".join(parts) or say("ending.runs_unknown")


def safe_words(say: Say, aftermath: Aftermath) -> str:
    """Whether it can be left as it is, and else why not."""
    found = [say(f"ending.concern_{kind}", names=names) for kind, names in concerns(aftermath)]
    if aftermath.state == "unknown":
        found.append(say("ending.concern_unknown"))
    if not aftermath.is_seen:
        found.append(say("ending.concern_unseen"))
    if not found:
        return say("ending.safe")
    return say("ending.not_safe", why="; ".join(found))
