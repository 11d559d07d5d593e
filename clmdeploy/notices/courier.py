"""Brings notices to everybody who is to get them; keeps what could not be handed over, and tries that again later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clmdeploy.changes.ports import Clock
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import Channel, Kept, Outbox, Receipt

OLDEST = 3 * 86400  # seconds; after that a notice is given up
FIRST_PAUSE, LONGEST_PAUSE = 60, 3600  # seconds between tries; the first retry waits for nothing but a command


class Delivery(Value):
    """What became of a notice."""

    accepted: tuple[str, ...] = ()
    refused: Mapping[str, str] = {}
    """recipient → the reason; not tried again"""
    kept: Mapping[str, str] = {}
    """recipient → the reason; tried again by the next command of this environment on this machine"""
    fault: str = ""
    """why it could not even be kept, or was given up; or which older ones were, for too many wait"""

    @property
    def is_whole(self) -> bool:
        """Whether everybody has it."""
        return not (self.refused or self.kept or self.fault)

    @property
    def is_lost(self) -> bool:
        """Whether nobody has it, nor will."""
        return not (self.accepted or self.kept)


@dataclass(frozen=True)
class Courier:
    """Of one environment, on one machine."""

    channels: Sequence[Channel]
    outbox: Outbox
    clock: Clock

    def send(self, notice: Notice) -> Delivery:
        """Hand over a new notice by every channel. Never raises for what goes wrong out there."""
        delivery = self._send(notice)
        if delivery.accepted or delivery.kept:
            with contextlib.suppress(InvalidInput):  # somebody is told a second time, which is better than not at all
                self.outbox.remember(subject_of(notice))
        return delivery

    def send_once(self, notice: Notice) -> Delivery | None:
        """The same, unless people were told this of this change before: then None.

        Killed half-way it is sent by a later command: nothing is called told that is in nobody's hands. Raises
        InvalidInput, and sends nothing, when it can't be remembered: a timer must not tell it every time.
        """
        subject = subject_of(notice)
        if self.outbox.was_told(subject):
            return None
        given_up = self._put_by(notice, subject)
        delivery = self._send(notice)
        if not (delivery.kept or delivery.fault):  # after a fault the outbox still has it as it was put there
            with contextlib.suppress(InvalidInput):  # told twice is better than not at all
                self.outbox.drop(notice.id)
            if not delivery.accepted:
                self.outbox.forget(subject)
        return delivery.model_copy(update={"fault": "; ".join(filter(None, (given_up, delivery.fault)))})

    def retry(self) -> list[Delivery]:
        """Try once more what is due, one after the other; a channel that fails now is left alone until another time."""
        try:
            with self.outbox.mine() as mine:
                due = [one for one in self.outbox.kept() if self._is_due(one)] if mine else []
                resting: set[str] = set()
                return [self._again(one, resting) for one in due if not resting.issuperset(one.waiting)]
        except InvalidInput as error:
            return [Delivery(fault=error.message)]

    def _put_by(self, notice: Notice, subject: str) -> str:
        """Into the outbox, for all of them; others leave it alone while it is being sent. Then it counts as told.

        Returns what `_keep` does.
        """
        now = self.clock.now().timestamp()
        everybody = {channel.name: channel.recipients for channel in self.channels}
        given_up = self._keep(Kept(notice=notice, waiting=everybody, since=now, not_before=now + FIRST_PAUSE))
        try:
            self.outbox.remember(subject)
        except InvalidInput:
            self.outbox.drop(notice.id)
            raise
        return given_up

    def _keep(self, kept: Kept) -> str:
        """Which others had to be given up for it; empty: none."""
        gone = self.outbox.keep(kept)
        return f"given up, since too many wait: {', '.join(one.subject for one in gone)}" if gone else ""

    def _send(self, notice: Notice) -> Delivery:
        receipts = {channel.name: channel.send(notice, channel.recipients) for channel in self.channels}
        now = self.clock.now().timestamp()
        return self._settled(Kept(notice=notice, waiting={}, since=now, not_before=now), receipts)

    def _is_due(self, kept: Kept) -> bool:
        return self.clock.now().timestamp() >= kept.not_before

    def _again(self, kept: Kept, resting: set[str]) -> Delivery:
        receipts: dict[str, Receipt] = {}
        for channel in self.channels:
            recipients = [one for one in kept.waiting.get(channel.name, ()) if one in channel.recipients]
            if channel.name in resting:
                receipts[channel.name] = Receipt.later(recipients, "the one before could not be handed over")
            elif recipients:
                receipts[channel.name] = channel.send(kept.notice, recipients)
                resting |= {channel.name} if receipts[channel.name].postponed else set()
        pause = min(FIRST_PAUSE * 2 ** min(kept.tries - 1, 10), LONGEST_PAUSE)
        later = {"tries": kept.tries + 1, "not_before": self.clock.now().timestamp() + pause}
        return self._settled(kept.model_copy(update=later), receipts)

    def _settled(self, kept: Kept, receipts: Mapping[str, Receipt]) -> Delivery:
        """Keeps, or forgets, what the receipts say of `kept`."""
        waiting = {name: tuple(receipt.postponed) for name, receipt in receipts.items() if receipt.postponed}
        reasons = _merged(receipt.postponed for receipt in receipts.values())
        too_old = self.clock.now().timestamp() - kept.since > OLDEST
        fault, given_up = "given up: nobody could be reached for days" if waiting and too_old else "", ""
        try:
            if waiting and not fault:
                given_up = self._keep(kept.model_copy(update={"waiting": waiting}))
            elif kept.tries > 1:
                self.outbox.drop(kept.notice.id)
        except InvalidInput as error:
            fault = error.message
        return Delivery(
            accepted=tuple(name for receipt in receipts.values() for name in receipt.accepted),
            refused=_merged(receipt.refused for receipt in receipts.values()), kept={} if fault else reasons,
            fault="; ".join([fault, *dict.fromkeys(reasons.values())]) if fault else given_up,
        )  # fmt: skip


def subject_of(notice: Notice) -> str:
    """What was told: which change, in which state, which hosts owe an undo."""
    owed = " ".join(sorted(notice.ending["owed"]))
    return f"{notice.change} {notice.ending['state']} {owed}".rstrip()


def _merged(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {name: reason for part in parts for name, reason in part.items()}
