"""The removal of restore points, as acts on the storage: begun before the engines drop anything, finished after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clmdeploy.backups.catalogue import Catalogue
from clmdeploy.backups.marks import MarkBook
from clmdeploy.backups.standing import Author, Removal, Standing
from clmdeploy.backups.work import Arguments, Found
from clmdeploy.changes.ports import Clock
from clmdeploy.model.errors import VerificationFailed


@dataclass(frozen=True)
class BeginRemoval:
    """From here on they are no restore points any more. `points`: ID → etag of what stands beside it, null for nothing.

    A point that somebody has pinned since then stops this before the first is touched.
    """

    catalogue: Catalogue
    who: str
    clock: Clock

    def perform(self, arguments: Arguments) -> Found:
        """Raises NothingChanged when one was pinned, Conflict when that happens at the same moment."""
        planned: dict[str, str | None] = arguments["points"]
        entries = [self.catalogue.get(name).model_copy(update={"etag": etag}) for name, etag in planned.items()]
        for entry in entries:
            self.catalogue.refuse_changed(entry)
        for entry in entries:
            self.catalogue.begin_removal(entry, Standing.of(entry.point, "going", self._author(arguments)))
        return {"begun": sorted(planned)}

    def restore(self, arguments: Arguments) -> Found:
        """Of those whose removal this very change has begun."""
        for name in arguments["points"]:
            free = Standing.of(self.catalogue.get(name).point, "free", self._author(arguments))
            self.catalogue.call_off_removal(free, arguments["change"])
        return {}

    def probe(self, arguments: Arguments) -> Found:
        going = [name for name in arguments["points"] if self.catalogue.get(name).is_going]
        return {"state": _state(len(going), len(arguments["points"])), "begun": sorted(going)}

    def _author(self, arguments: Arguments) -> Author:
        """The change is the nonce: what it began is known again by it, whoever goes on with it."""
        return Author(by=self.who, at=self.clock.now(), reason="expire", nonce=arguments["change"])


@dataclass(frozen=True)
class FinishRemoval:
    """Nothing is kept any more for points of whose holdings the engines have dropped all.

    `points`: ID → what of it had to be dropped, spelled `ENGINE REPOSITORY NAME`; `results`: what was. Points of which
    something is left stay as they are, on their way out, for the next expiry.
    """

    catalogue: Catalogue
    who: str
    clock: Clock

    def perform(self, arguments: Arguments) -> Found:
        gone = dropped_in(arguments.get("results", {}))
        finished = [name for name, holdings in arguments["points"].items() if gone.issuperset(holdings)]
        for name in finished:
            ours, at = self.catalogue.environment_id, self.clock.now()
            self.catalogue.finish_removal(Removal(point=name, environment_id=ours, by=self.who, at=at))
        return {"finished": sorted(finished), "left": sorted({*arguments["points"]}.difference(finished))}

    def restore(self, arguments: Arguments) -> Found:  # noqa: ARG002 the protocol's signature
        """What was dropped does not come back."""
        return {}

    def probe(self, arguments: Arguments) -> Found:
        """Can be repeated at no cost: so it is, unless every single one is gone."""
        removed = sorted({*arguments["points"]} & self.catalogue.names().removed)
        left = sorted({*arguments["points"]}.difference(removed))
        return {"state": _state(len(removed), len(arguments["points"])), "finished": removed, "left": left}


@dataclass(frozen=True)
class Reindex:
    """The index written anew, and marks of points that are gone forgotten: listings stay one read."""

    catalogue: Catalogue
    book: MarkBook

    def perform(self, arguments: Arguments) -> Found:  # noqa: ARG002 the protocol's signature
        """Raises VerificationFailed rather than sign what can't be believed."""
        listing = self.catalogue.listing()
        for fault in listing.faults:
            raise VerificationFailed(fault)
        self.book.forget(listing.removed)
        return {"written": self.catalogue.reindex(listing)}

    def restore(self, arguments: Arguments) -> Found:  # noqa: ARG002 the protocol's signature
        """It says of itself that it is no authority."""
        return {}

    def probe(self, arguments: Arguments) -> Found:  # noqa: ARG002 the protocol's signature
        """It is written again."""
        return {"state": "not-done"}


def dropped_in(results: dict[str, dict[str, Found]]) -> frozenset[str]:
    """What earlier steps have dropped, by their journalled results."""
    return frozenset(_each(result.get("dropped", ()) for targets in results.values() for result in targets.values()))


def _each(lists: Iterable[Iterable[str]]) -> Iterable[str]:
    return (one for each in lists for one in each)


def _state(done: int, total: int) -> str:
    return "done" if done == total else "partial" if done else "not-done"
