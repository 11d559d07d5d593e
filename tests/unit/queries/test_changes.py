"""What the journal tells of changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.change_log import ChangeLog
from clmdeploy.changes.events import Who
from clmdeploy.changes.guarded import Outcome
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.ports import Stored
from clmdeploy.changes.signed_plan import sign_plan
from clmdeploy.model.errors import UsageError, VerificationFailed
from clmdeploy.model.value import canonical_json
from clmdeploy.planners.deploy import plan_deploy
from clmdeploy.queries.changes import events_since, last_change, story, summaries, to_settle
from tests.unit.cli.desk import Clock, DigestSigner
from tests.unit.planners.conftest import NOW, fleet, release, wish

WHO = Who(principal="ivanova", user="i", host="control")


class CountingStore(MemoryStore):
    """Counts what is read, and knows what was listed."""

    reads = 0

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[str] = []

    def keys(self, prefix: str) -> Iterator[str]:
        self.listed.append(prefix)
        return super().keys(prefix)

    def get(self, key: str, limit: int = 16 * 1024**2) -> Stored:
        self.reads += 1
        return super().get(key, limit)


@pytest.fixture
def journal() -> Journal:
    signer = DigestSigner()
    return Journal(CountingStore(), "test", signer, signer, Clock())


def plan() -> Plan:
    return plan_deploy(wish(release("1.1.0"), fleet(release("1.0.0"))), NOW)


def opened(journal: Journal, change: str) -> ChangeLog:
    return ChangeLog.opened(journal, change, sign_plan(plan(), journal.signer), WHO, {"reason": "why"})


def closed(journal: Journal, change: str, state: str = "done") -> ChangeLog:
    log = opened(journal, change)
    log.append("closed", detail={"state": state})
    return log


def test_a_true_plan_of_another_change_is_not_shown(journal: Journal) -> None:
    """Somebody copied it over this change's own: its signature is good, but the journal announced another."""
    closed(journal, "c1")
    other = sign_plan(plan().model_copy(update={"title": "Another"}), journal.signer)
    journal.store.put("test/changes/c1/plan", canonical_json(other))
    with pytest.raises(VerificationFailed, match="not the plan that the journal announced"):
        story(journal, "c1")


def test_a_new_environment_has_no_changes(journal: Journal) -> None:
    """Nothing was done yet: no list, no newest, nothing to settle."""
    assert (summaries(journal, 10), last_change(journal), events_since(journal, None, 10)) == ([], None, [])
    with pytest.raises(UsageError, match="nothing was ever done"):
        story(journal, None)


def test_summaries_come_newest_first_and_no_more_than_asked_for(journal: Journal) -> None:
    """By the time in their IDs."""
    for number in range(1, 6):
        closed(journal, f"2026010{number}-000000-deploy-aaaa")
    assert [one.id[:8] for one in summaries(journal, 2)] == ["20260105", "20260104"]


def test_a_listing_reads_two_events_a_change(journal: Journal) -> None:
    """However long a change was: an environment of some years has thousands."""
    log = opened(journal, "20260101-000000-deploy-aaaa")
    for _ in range(50):
        log.append("step-started", "stage", {"app1": Outcome(status="unknown")})
    assert isinstance(journal.store, CountingStore)
    journal.store.reads = 0
    summaries(journal, 10)
    assert journal.store.reads <= 4


@pytest.mark.parametrize("wanted", [None, "20260101-000000-deploy-aaaa"])
def test_one_change_is_told_without_a_look_at_the_others(journal: Journal, wanted: str | None) -> None:
    """Nothing but its own keys is listed: an environment of some years has hundreds of thousands."""
    for change in ("20260101-000000-deploy-aaaa", "20260102-000000-deploy-bbbb"):
        closed(journal, change)
    assert isinstance(journal.store, CountingStore)
    journal.store.listed.clear()
    told = story(journal, wanted)
    assert {prefix.startswith(f"test/changes/{told.id}/") for prefix in journal.store.listed} == {True}


@pytest.mark.parametrize("state", ["done", "taken-back", "partly", "stopped"])
def test_the_last_event_tells_the_state(journal: Journal, state: str) -> None:
    """Closed: as it was closed."""
    closed(journal, "20260101-000000-deploy-aaaa", state)
    found = last_change(journal)
    assert found is not None
    assert (found.state, found.needs_somebody) == (state, state == "stopped")
    assert (found.who, found.reason, found.title) == (WHO, "why", plan().title)


def test_a_change_without_an_end_is_open(journal: Journal) -> None:
    """Under way or cut off; paused when it says so; open again when somebody took it over."""
    log = opened(journal, "20260101-000000-deploy-aaaa")
    seen = [summaries(journal, 1)[0].state]
    for kind in ("paused", "taken-over"):
        log.append(kind)  # type: ignore[arg-type]  # two of the event kinds
        seen.append(summaries(journal, 1)[0].state)
    assert seen == ["open", "paused", "open"]


def owing(journal: Journal, change: str) -> None:
    """A change that closed while app1 owes an undo."""
    log = opened(journal, change)
    log.append("undo-started", "canary-switch", {"app1": Outcome(status="unknown")}, {"batch": None})
    log.append("undo-finished", "canary-switch", {"app1": Outcome(status="failed")})
    log.append("closed", detail={"state": "partly"})


def test_hosts_that_owe_an_undo_are_listed_with_their_change(journal: Journal) -> None:
    """Also when other changes followed on other hosts."""
    owing(journal, "20260101-000000-deploy-aaaa")
    closed(journal, "20260102-000000-deploy-bbbb")
    newer, older = summaries(journal, 10)
    assert (older.owed, newer.owed) == (("app1",), ())
    assert to_settle(journal, None) == older.id


@pytest.fixture
def two_open(journal: Journal) -> Journal:
    """One change is owed an undo, another is paused."""
    owing(journal, "20260101-000000-deploy-aaaa")
    opened(journal, "20260102-000000-deploy-bbbb").append("paused")
    return journal


def test_several_open_changes_want_a_name(two_open: Journal) -> None:
    """Both are named; either can be chosen; a third is refused with both named."""
    for wanted in (None, "20260103-000000-deploy-cccc"):
        with pytest.raises(UsageError, match=r"20260101-000000-deploy-aaaa, 20260102-000000-deploy-bbbb"):
            to_settle(two_open, wanted)
    assert to_settle(two_open, "20260101-000000-deploy-aaaa") == "20260101-000000-deploy-aaaa"


def test_a_story_is_the_plan_and_every_event(journal: Journal) -> None:
    """By default of the newest change; a plan whose first event was never stored is no change."""
    closed(journal, "20260101-000000-deploy-aaaa")
    journal.store.put("test/changes/20260102-000000-deploy-bbbb/plan", b"{}")
    found = story(journal, None)
    assert found.id == "20260101-000000-deploy-aaaa"
    assert (found.signed.plan, [event.kind for event in found.events]) == (plan(), ["opened", "closed"])
    with pytest.raises(UsageError, match="no change"):
        story(journal, "20260102-000000-deploy-bbbb")
