"""Verifies the journal: every event in its place of one chain, plans and approvals as announced, the head signed."""

from __future__ import annotations

from collections.abc import Iterator

from clmdeploy.changes.chain import chain
from clmdeploy.changes.events import Event
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.statements import LARGEST
from clmdeploy.model.bilingual import Bilingual, russian
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
        raise VerificationFailed(BEHEADED)
    if head is not None and head.last is not None and head.last.digest not in digests:
        name = f"{head.last.change}/{head.last.seq:06d}"
        raise VerificationFailed(gone_words(name))
    return len(digests)


BEHEADED = Bilingual("the journal has events but no signed head", "в журнале есть события, но нет подписанной вершины")


def gone_words(event: str) -> str:
    """The end of the chain is not where its head says."""
    return Bilingual(
        f"the signed head names event {event}, which is missing or was edited",
        f"подписанная вершина называет событие {event}, а оно пропало или изменено",
    )


def walk(journal: Journal) -> Iterator[Event]:
    """All events of the environment in the chain's order. Raises VerificationFailed at the first that does not fit."""
    for one in chain(journal):
        if one.fault or one.event is None:
            raise VerificationFailed(one.fault)
        yield one.event


def _check_plan(journal: Journal, opened: Event) -> None:
    try:
        digest = journal.plan(opened.change).digest
    except ClmError as error:
        cause = error.message
        raise VerificationFailed(
            Bilingual(
                f"the plan of change {opened.change} can't be believed: {cause}",
                f"плану изменения {opened.change} верить нельзя: {russian(cause)}",
            )
        ) from error
    if digest != opened.detail["plan"]:
        raise VerificationFailed(
            Bilingual(
                f"the plan of change {opened.change} is not the one that its journal announced",
                f"план изменения {opened.change} — не тот, что объявлен в журнале",
            )
        )


def _check_approvals(journal: Journal, opened: Event) -> None:
    """Those that let the change begin are still there, byte by byte; whether they counted was judged then."""
    for kept in opened.detail.get("approvals", []):
        key = f"{journal.root}/changes/{opened.change}/approvals/{kept['digest']}"
        try:
            digest = sha256_hex(journal.store.get(key, LARGEST).body)
        except (Missing, InvalidInput) as error:
            cause = error.message
            raise VerificationFailed(
                Bilingual(
                    f"an approval of change {opened.change} is gone: {cause}",
                    f"пропало согласование изменения {opened.change}: {russian(cause)}",
                )
            ) from error
        if digest != kept["digest"]:
            who = kept["principal"]
            raise VerificationFailed(
                Bilingual(
                    f"{key} is not the approval by {who} that the journal announced",
                    f"{key} — не то согласование от {who}, что объявлено в журнале",
                )
            )
