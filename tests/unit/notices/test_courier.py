"""Notices get to everybody, at once or later, within bounds, and never twice to the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from clmdeploy.adapters.memory_notices import MemoryChannel, MemoryOutbox
from clmdeploy.model.errors import InvalidInput
from clmdeploy.notices.courier import OLDEST, Courier, Delivery
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import MOST_KEPT, Kept, Receipt
from tests.unit.notices.examples import TAKEN_BACK, notice

DUTY, SECOND = "duty@example.com", "2ltp@example.com"


@dataclass
class Clock:
    """Moved by hand."""

    seconds: float = 0

    def now(self) -> datetime:
        return datetime(2026, 7, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Office:
    """A courier with two ways, mail and a command."""

    mail: MemoryChannel = field(default_factory=lambda: MemoryChannel((DUTY, SECOND)))
    chat: MemoryChannel = field(default_factory=lambda: MemoryChannel(("to-chat",), name="command"))
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)

    @property
    def courier(self) -> Courier:
        return Courier([self.mail, self.chat], self.outbox, self.clock)


def test_every_way_is_taken() -> None:
    """All recipients of all channels, and nothing is kept."""
    office = Office()
    assert office.courier.send(notice()) == Delivery(accepted=(DUTY, SECOND, "to-chat"))
    assert office.courier.retry() == []


def test_one_broken_way_does_not_block_the_other() -> None:
    """What the broken one has is kept, and only that is sent later."""
    office = Office()
    office.mail.down = "no route to host"
    delivery = office.courier.send(notice())
    assert delivery == Delivery(accepted=("to-chat",), kept={DUTY: "no route to host", SECOND: "no route to host"})
    office.mail.down = ""
    assert office.courier.retry() == [Delivery(accepted=(DUTY, SECOND))]
    assert len(office.chat.sent) == 1
    assert office.courier.retry() == []


def test_a_refused_recipient_is_not_tried_again() -> None:
    """Recorded as refused; nothing is kept for them."""
    office = Office()
    office.mail.refusing = frozenset({SECOND})
    assert office.courier.send(notice()).refused == {SECOND: "refused"}
    assert list(office.outbox.kept()) == []


def test_tries_become_rarer() -> None:
    """The first retry is the next command's; after that a dead server holds up fewer and fewer commands."""
    office = Office()
    office.mail.down = "down"
    office.courier.send(notice())
    waited = []
    for _ in range(9):
        before = office.clock.seconds
        while not office.courier.retry():
            office.clock.seconds += 30
        waited.append(office.clock.seconds - before)
    assert waited == [0, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_what_nobody_takes_for_days_is_given_up() -> None:
    """It is told as lost, and forgotten."""
    office = Office()
    office.mail.down = "down"
    office.courier.send(notice())
    office.clock.seconds += OLDEST + 1
    (delivery,) = office.courier.retry()
    assert "given up" in delivery.fault
    assert "down" in delivery.fault
    assert (delivery.kept, list(office.outbox.kept())) == ({}, [])


def test_a_dead_server_is_asked_once_a_command() -> None:
    """Ten notices that wait for it are not ten time limits to wait."""
    office = Office()
    office.mail.down = "down"
    for number in range(10):
        office.courier.send(notice(nonce=f"{number:08x}"))
    assert len(office.courier.retry()) == 1
    assert len(office.outbox.kept()) == 10


def test_who_is_named_no_longer_gets_no_old_notices() -> None:
    """A recipient that left clm.yml meanwhile is left out, and the notice is done with."""
    office = Office()
    office.mail.down = "down"
    office.courier.send(notice())
    office.mail.down, office.mail.recipients = "", (DUTY,)
    assert office.courier.retry() == [Delivery(accepted=(DUTY,))]
    assert list(office.outbox.kept()) == []


def test_what_can_not_even_be_kept_is_said() -> None:
    """Never raised: the ending matters more."""

    class Full(MemoryOutbox):
        def keep(self, kept: Kept) -> None:
            raise InvalidInput(f"no space left for {kept.notice.id}")

    office = Office(outbox=Full())
    office.mail.down = "down"
    delivery = office.courier.send(notice())
    assert "no space left" in delivery.fault
    assert (delivery.accepted, delivery.kept) == (("to-chat",), {})


@pytest.mark.parametrize("way", [Courier.send, Courier.send_once])
def test_what_has_to_go_for_another_is_said(way: Callable[[Courier, Notice], Delivery]) -> None:
    """An outbox has room for so many; the oldest is given up, and no longer silently."""
    office = Office()
    office.mail.down = "down"
    for number in range(MOST_KEPT):
        assert office.courier.send(notice(nonce=f"{number:08x}")).fault == ""
        office.clock.seconds += 1
    delivery = way(office.courier, notice(TAKEN_BACK.model_copy(update={"state": "stopped"}), nonce="ab" * 8))
    assert delivery.fault == f"given up, since too many wait: {notice().subject}"
    assert (set(delivery.kept), delivery.is_lost) == ({DUTY, SECOND}, False)
    assert len(office.outbox.kept()) == MOST_KEPT


def test_once_is_once() -> None:
    """By change and state: a timer may ask as often as it likes; what moved on is told again."""
    office = Office()
    assert office.courier.send_once(notice()) is not None
    assert office.courier.send_once(notice(nonce="ab" * 8)) is None
    stopped = TAKEN_BACK.model_copy(update={"state": "stopped", "owed": ("app1",)})
    assert office.courier.send_once(notice(stopped)) is not None
    assert office.courier.send_once(notice(stopped.model_copy(update={"owed": ("app2",)}))) is not None


def test_what_was_told_at_its_end_is_not_told_by_a_timer_too() -> None:
    """Where both run under one account."""
    office = Office()
    office.courier.send(notice())
    assert office.courier.send_once(notice(nonce="ab" * 8)) is None


def test_what_got_nowhere_was_not_told() -> None:
    """Neither handed over nor kept: the timer's next run tries again."""
    office = Office()
    office.mail.refusing, office.chat.refusing = frozenset({DUTY, SECOND}), frozenset({"to-chat"})
    for _ in range(2):
        assert office.courier.send_once(notice()) is not None


def test_a_timer_that_is_killed_loses_nothing() -> None:
    """While a mail server hangs, its notice lies in the outbox: a later command sends it, this timer's next or not."""

    class Killed(BaseException):
        """Ends this process as SIGKILL would: what is on disk stays."""

    @dataclass
    class Hanging(MemoryChannel):
        def send(self, _notice: Notice, _recipients: Sequence[str]) -> Receipt:
            raise Killed

    office = Office(chat=Hanging(("to-chat",), name="command"))
    with pytest.raises(Killed):
        office.courier.send_once(notice())
    assert office.courier.send_once(notice(nonce="ab" * 8)) is None
    office.chat = MemoryChannel(("to-chat",), name="command")
    assert office.courier.retry() == []  # it may still be on its way
    office.clock.seconds += 60
    assert office.courier.retry() == [Delivery(accepted=(DUTY, SECOND, "to-chat"))]
    assert list(office.outbox.kept()) == []


def test_a_kill_before_it_is_kept_leaves_it_untold() -> None:
    """Nothing is called told that is in nobody's hands."""

    class Killed(BaseException):
        """As above."""

    class Slow(MemoryOutbox):
        def keep(self, _kept: Kept) -> None:
            raise Killed

    office = Office(outbox=Slow())
    with pytest.raises(Killed):
        office.courier.send_once(notice())
    assert office.outbox.told == []


def test_what_was_handed_over_once_is_kept_no_longer() -> None:
    """Nor what was refused; only whom it did not reach yet."""
    office = Office()
    office.courier.send_once(notice())
    assert list(office.outbox.kept()) == []
    office.mail.down = "down"
    office.courier.send_once(notice(TAKEN_BACK.model_copy(update={"state": "stopped"}), nonce="ab" * 8))
    (kept,) = office.outbox.kept()
    assert kept.waiting == {"mail": (DUTY, SECOND)}


@pytest.mark.parametrize(
    ("delivery", "lost"),
    [
        (Delivery(accepted=(DUTY,), refused={SECOND: "no such user"}), False),
        (Delivery(kept={DUTY: "no route"}), False),
        (Delivery(refused={DUTY: "no such user"}), True),
        (Delivery(fault="no space left"), True),
    ],
)
def test_a_notice_is_lost_when_nobody_has_it_nor_will(delivery: Delivery, lost: bool) -> None:
    """One who has it is enough, and so is a later try."""
    assert delivery.is_lost == lost


def test_a_timer_that_can_remember_nothing_tells_nothing() -> None:
    """It fails instead, each time: mail every minute would be worse."""

    class Full(MemoryOutbox):
        def remember(self, key: str) -> None:
            raise InvalidInput(f"no space left for {key}")

    office = Office(outbox=Full())
    with pytest.raises(InvalidInput, match="no space left"):
        office.courier.send_once(notice())
    assert (office.mail.sent, list(office.outbox.kept())) == ([], [])
    assert office.courier.send(notice()).accepted
