"""What the journal tells of changes: short for a listing, whole for one of them. Reads only.

A listing reads two events a change, not all: an environment of some years has thousands of changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal

from clmdeploy.changes.events import Event, Who
from clmdeploy.changes.head import Head
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.journal_words import gone
from clmdeploy.changes.ledger import Ledger
from clmdeploy.changes.signed_plan import SignedPlan
from clmdeploy.changes.standing_words import listing_hint
from clmdeploy.changes.superseding import past_return
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import UsageError, VerificationFailed
from clmdeploy.model.value import Value

PARALLEL = 8
PROPOSED_EARLIER = 20
"""changes looked at beyond those wanted: an ID tells when a change was proposed, which may be long before it began"""
OPEN_STATES = ("open", "paused", "stopped")

ChangeState = Literal["done", "taken-back", "partly", "stopped", "superseded", "paused", "open"]


class ChangeSummary(Value):
    """One change in a listing. Times are ISO 8601 with zone, by the clocks of those who acted."""

    id: str
    kind: str
    title: str
    reason: str
    who: Who
    opened: str
    last_event: str
    state: ChangeState
    """open: under way, or cut off"""
    owed: tuple[str, ...] = ()
    """hosts that owe an undo"""

    @property
    def seconds(self) -> float:
        """From the first event to the last one."""
        return (datetime.fromisoformat(self.last_event) - datetime.fromisoformat(self.opened)).total_seconds()

    @property
    def needs_somebody(self) -> bool:
        """Whether it is for resume or abort to settle."""
        return self.state in OPEN_STATES or bool(self.owed)


@dataclass(frozen=True)
class Story:
    """One change as a whole."""

    id: str
    signed: SignedPlan
    events: tuple[Event, ...]

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(self.signed.plan, self.events)


def summaries(journal: Journal, most: int) -> list[ChangeSummary]:
    """The newest changes, newest first. Raises VerificationFailed when the head or an event can't be read."""
    head = journal.believed_head()
    edges = list(_edges(journal).items())[-most - PROPOSED_EARLIER :]
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="journal") as pool:
        made = pool.map(lambda edge: _summary(journal, edge[0], edge[1], head), edges)
        return sorted(made, key=lambda one: datetime.fromisoformat(one.opened), reverse=True)[:most]


def last_change(journal: Journal) -> ChangeSummary | None:
    """The newest change by the signed head; None in a new environment."""
    newest = journal.newest_change()
    return None if newest is None else summary(journal, newest)


def summary(journal: Journal, change: str) -> ChangeSummary:
    """One change that the journal is known to have. Raises VerificationFailed when an event is gone or unreadable."""
    head = journal.believed_head(change)
    edge = _edges(journal, change).get(change)
    if edge is None:
        raise VerificationFailed(*gone(f"{journal.root}/changes/{change}/events/000000"))
    return _summary(journal, change, edge, head)


def settling_verb(journal: Journal, change: ChangeSummary) -> Literal["resume", "abort"]:
    """Which of the two to advise: on in the direction in which it was going; back, where a failure has stopped it."""
    if change.state == "stopped":
        return "resume" if past_return(journal.ledger(change.id)) else "abort"
    return "resume" if change.state in OPEN_STATES else "abort"


def story(journal: Journal, change: str | None) -> Story:
    """All of one change, by default of the newest. Raises UsageError when there is no such change."""
    chosen = change or journal.newest_change()
    if chosen is None:
        name = journal.environment
        raise UsageError(nothing_done(name), f"clmdeploy deploy VERSION -e {name}")
    refuse_unknown(journal, chosen)
    journal.ledger(chosen)  # refuses a plan that is not the one which the events announced
    return Story(chosen, journal.plan(chosen), tuple(journal.events(chosen)))


def refuse_unknown(journal: Journal, change: str) -> None:
    """Raises UsageError when there is no such change, VerificationFailed when the signed head knows better."""
    if change not in _edges(journal, change):  # a plan whose first event was never stored is no change
        journal.believed_head(change)
        raise _unknown(journal, change)


def events_since(journal: Journal, since: datetime | None, most: int) -> list[Event]:
    """Events not older than `since`, oldest first; without it those of the `most` newest changes."""
    short = summaries(journal, most)
    wanted = [one.id for one in short if since is None or datetime.fromisoformat(one.last_event) >= since]
    found = [event for change in reversed(wanted) for event in journal.events(change)]
    return [event for event in found if since is None or datetime.fromisoformat(event.at) >= since]


def to_settle(journal: Journal, wanted: str | None) -> str:
    """The change that resume or abort is about: `wanted`, or the only one that needs somebody.

    Raises UsageError, naming those that need somebody, when `wanted` does not or there is not exactly one.
    """
    found = candidates(journal)
    environment = journal.environment
    if wanted is None and len(found) == 1:
        return found[0]
    if wanted in found:
        return wanted
    if not found:
        raise UsageError(_nothing_open(wanted, environment), listing_hint(environment))
    raise UsageError(*_others_open(wanted, environment, ", ".join(found)))


def several_open(environment: str, names: Sequence[str]) -> UsageError:
    """Nobody can tell which of these is meant."""
    return UsageError(*_others_open(None, environment, ", ".join(names)))


def _nothing_open(wanted: str | None, environment: str) -> str:
    what = Bilingual(f"no change is open in {environment}", f"в среде {environment} нет незавершённых изменений")
    if wanted:
        what = Bilingual(f"change {wanted} is not open", f"изменение {wanted} не ждёт завершения")
    return Bilingual(
        f"{what}: there is nothing to resume or abort", f"{russian(what)}: ни завершать, ни откатывать нечего"
    )


def _others_open(wanted: str | None, environment: str, others: str) -> tuple[str, str]:
    if wanted is None:
        return (
            Bilingual(
                f"several changes are open in {environment}: {others}",
                f"в среде {environment} не завершено несколько изменений: {others}",
            ),
            Bilingual("name one of them", "назовите одно из них"),
        )
    return (
        Bilingual(
            f"change {wanted} is not open in {environment}, but {others}",
            f"в среде {environment} не завершено не {wanted}, а {others}",
        ),
        Bilingual("name that one, or none", "назовите его или не указывайте ничего"),
    )


def candidates(journal: Journal) -> list[str]:
    """Changes that need somebody: the newest, where it stands open, and those that owe an undo."""
    newest = last_change(journal)
    if newest is None:
        return []
    return sorted({*journal.owed().values(), *([newest.id] if newest.state in OPEN_STATES else [])})


def _unknown(journal: Journal, change: str) -> UsageError:
    return UsageError(unknown_message(journal.environment, change), listing_hint(journal.environment))


def nothing_done(environment: str) -> str:
    """Its journal is empty."""
    return Bilingual(f"nothing was ever done in {environment}", f"в среде {environment} ещё ничего не делали")


def unknown_message(environment: str, change: str) -> str:
    """Nobody here knows it."""
    shown = repr(change[:80])
    return Bilingual(f"{environment} has no change {shown}", f"в среде {environment} нет изменения {shown}")


def _edges(journal: Journal, change: str = "") -> Mapping[str, tuple[str, str]]:
    """Change → keys of its first and last event, in the order of the changes' IDs."""
    prefix = f"{journal.root}/changes/" + (f"{change}/" if change else "")
    keys = sorted(key for key in journal.store.keys(prefix) if "/events/" in key)
    return {name: _ends(list(group)) for name, group in groupby(keys, key=lambda key: key.split("/")[-3])}


def _ends(keys: Sequence[str]) -> tuple[str, str]:
    return keys[0], keys[-1]


def _summary(journal: Journal, change: str, edge: tuple[str, str], head: Head | None) -> ChangeSummary:
    first, last = (journal.event(key) for key in edge)
    if first.kind != "opened":
        raise VerificationFailed(
            Bilingual(
                f"journal event {edge[0]} should open change {change}, but is {first.kind!r}",
                f"событие журнала {edge[0]} должно открывать изменение {change}, а это {first.kind!r}",
            )
        )
    owed = tuple(sorted(host for host, owing in (head.owed if head else {}).items() if owing == change))
    return ChangeSummary(
        id=change, kind=str(first.detail["kind"]), title=str(first.detail["title"]),
        reason=str(first.detail.get("reason", "")), who=first.who, opened=first.at, last_event=last.at,
        state=state_of(last), owed=owed,
    )  # fmt: skip


def state_of(last: Event) -> ChangeState:
    """What the last event says of its change."""
    match last.kind:
        case "closed":
            state: ChangeState = last.detail["state"]
            return state
        case "paused":
            return "paused"
        case _:
            return "open"
