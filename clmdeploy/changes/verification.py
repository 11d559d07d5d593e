"""Verifies the journal: every event in its place of one chain, plans and approvals as announced, the head signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from clmdeploy.changes.events import GENESIS, Event
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.statements import LARGEST
from clmdeploy.model.errors import ClmError, InvalidInput, VerificationFailed
from clmdeploy.model.value import sha256_hex


def verify(journal: Journal) -> int:
    """The number of events, once all of them fit. Raises VerificationFailed naming the first that does not."""
    head, digests = journal.head(), set()
    for event in walk(journal):
        digests.add(event.digest)
        if event.kind == "opened":
            _check_plan(journal, event)
            _check_approvals(journal, event)
    if head is None and digests:
        raise VerificationFailed("the journal has events but no signed head")
    if head is not None and head.last is not None and head.last.digest not in digests:
        name = f"{head.last.change}/{head.last.seq:06d}"
        raise VerificationFailed(f"the signed head names event {name}, which is missing or was edited")
    return len(digests)


def walk(journal: Journal) -> Iterator[Event]:
    """All events of the environment in the chain's order. Raises VerificationFailed at the first that does not fit."""
    ends: dict[str, tuple[int, str]] = {}  # change → number and predecessor of its next event
    waiting, expected = _by_beginning(journal), GENESIS
    while expected in waiting:
        for event in waiting.pop(expected):
            number, previous = ends.get(event.change, (0, expected))
            if event.seq != number or event.previous != previous:
                name = f"{event.change}/{number:06d}"
                raise VerificationFailed(f"journal event {name} is missing, edited or out of order")
            expected = event.digest
            ends[event.change] = (number + 1, expected)
            yield event
    if waiting:
        names = ", ".join(sorted({events[0].change for events in waiting.values()}))
        raise VerificationFailed(f"change {names} is not joined to the chain: an event before it is missing or edited")


def _by_beginning(journal: Journal) -> dict[str, list[Event]]:
    """Runs of events by the digest that they go on from. Raises VerificationFailed when two claim one."""
    found: dict[str, list[Event]] = {}
    for change in journal.changes():
        events = journal.events(change)
        stranger = next((one for one in events if (one.change, one.environment) != (change, journal.environment)), None)
        if stranger is not None:
            raise VerificationFailed(f"an event of {stranger.environment}/{stranger.change} lies under change {change}")
        for run in _runs(events):
            beginning = _beginning(run[0])
            if beginning in found:
                other = found[beginning][0].change
                raise VerificationFailed(f"changes {other} and {change} both claim the same place in the chain")
            found[beginning] = run
    return found


def _runs(events: Sequence[Event]) -> list[list[Event]]:
    """The events of one change, cut where others have acted between."""
    starts = [index for index, event in enumerate(events) if index == 0 or "after" in event.detail]
    return [list(events[start:end]) for start, end in pairwise([*starts, len(events)])]


def _beginning(first: Event) -> str:
    return str(first.detail.get("after", first.previous))


def _check_plan(journal: Journal, opened: Event) -> None:
    try:
        digest = journal.plan(opened.change).digest
    except ClmError as error:
        raise VerificationFailed(f"the plan of change {opened.change} can't be believed: {error.message}") from error
    if digest != opened.detail["plan"]:
        raise VerificationFailed(f"the plan of change {opened.change} is not the one that its journal announced")


def _check_approvals(journal: Journal, opened: Event) -> None:
    """Those that let the change begin are still there, byte by byte; whether they counted was judged then."""
    for kept in opened.detail.get("approvals", []):
        key = f"{journal.environment}/changes/{opened.change}/approvals/{kept['digest']}"
        try:
            digest = sha256_hex(journal.store.get(key, LARGEST).body)
        except (Missing, InvalidInput) as error:
            raise VerificationFailed(f"an approval of change {opened.change} is gone: {error.message}") from error
        if digest != kept["digest"]:
            raise VerificationFailed(f"{key} is not the approval by {kept['principal']} that the journal announced")
