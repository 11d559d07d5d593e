"""Retention: which restore points stay, which go, and every reason for it in words. Pure.

A point goes only on evidence: no rule keeps it, nothing needs it, no backup runs, and another one was read back whole.
What is not known (an object of the catalogue that can't be read) stops every removal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from datetime import timedelta

from pydantic import AwareDatetime, Field

from clmdeploy.backups import retention_words as words
from clmdeploy.backups.point import Holding, RestorePoint
from clmdeploy.backups.repositories import Drops, Repositories
from clmdeploy.backups.retention_facts import Candidate, Facts
from clmdeploy.backups.rules import is_too_old, kept_by
from clmdeploy.config.backup import Rules
from clmdeploy.model.value import Text, Value

_CLOCK_MAY_ERR = timedelta(minutes=5)


class Judgement(Value):
    """What becomes of one point, and every reason."""

    point: str
    completed: AwareDatetime
    keep: bool
    reasons: tuple[Text, ...] = Field(min_length=1)
    keeps_log: bool = Field(
        description="any moment after it can be reached; else what it needs itself is kept: it is pinned standalone, "
        "stays only for what stands on it, or leaves"
    )


class Verdicts(Value):
    """What retention decided, newest point first, and what the engines are told to drop."""

    judgements: tuple[Judgement, ...]
    halted: tuple[Text, ...] = Field((), description="why nothing at all is removed now")
    drops: Drops = Drops()
    remarks: tuple[Text, ...] = Field((), description="what somebody should know besides")

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(one.point for one in self.judgements if one.keep)

    @property
    def leaving(self) -> tuple[str, ...]:
        return tuple(one.point for one in self.judgements if not one.keep)


def judge(rules: Rules, facts: Facts) -> Verdicts:
    """Decide on every point. Nothing is removed here: the caller marks the points first, then lets the engines drop."""
    halted = tuple(_halted(facts))
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for point, why in (*_never(facts), *kept_by(rules, [one.point for one in facts.whole], facts.now, facts.zone)):
        reasons[point.id].append(why)
    reaching = {one.point.id for one in facts.candidates if one.keeps_log and one.point.id in reasons}
    if halted:
        for one in facts.candidates:
            reasons[one.point.id].append(words.HALTED)
    for point_id, why in list(_needed(facts, set(reasons))):
        reasons[point_id].append(why)
    kept = [one.point for one in facts.newest_first if one.point.id in reasons]
    return Verdicts(
        judgements=tuple(
            Judgement(
                point=one.point.id, completed=one.point.completed, keep=one.point.id in reasons,
                reasons=tuple(reasons.get(one.point.id, ())) or (_why_it_goes(one, facts, rules),),
                keeps_log=one.point.id in reaching,
            )
            for one in facts.newest_first
        ),
        halted=halted, drops=Drops() if halted else _drops(facts, kept, reaching), remarks=tuple(_remarks(facts)),
    )  # fmt: skip


def _never(facts: Facts) -> Iterator[tuple[RestorePoint, str]]:
    """What no rule takes away."""
    for one in facts.newest_first:
        if one.standing is not None and one.standing.is_pinned:
            yield one.point, words.pinned(one.standing)
        if one.point.id in facts.changes:
            yield one.point, words.needed_by_change(facts.changes[one.point.id])
        if one.point.id in facts.ways_back:
            yield one.point, words.needed_by_rollback(facts.ways_back[one.point.id])
    newest = next((one for one in facts.whole if one.verified), None)
    if newest is not None and newest.verified:
        yield newest.point, words.newest_verified(newest.verified)


def _halted(facts: Facts) -> Iterator[str]:
    """Why no point at all may go now."""
    yield from map(words.unbelievable, facts.faults)
    if facts.running:
        yield words.running(facts.running)
    if not any(one.verified for one in facts.whole):
        yield words.NOTHING_VERIFIED
    latest = max((one.point.completed for one in facts.candidates), default=facts.now)
    if latest > facts.now + _CLOCK_MAY_ERR:
        yield words.from_the_future(latest, facts.now)


def _needed(facts: Facts, kept: set[str]) -> Iterator[tuple[str, str]]:
    """Points on whose backups others stand: kept ones, and what lies in the repository without any point."""
    held = facts.repositories
    for one in facts.newest_first:
        if one.point.id in kept:
            for owner in sorted(_owners(held, held.closure(one.point.needs)) - {one.point.id}):
                yield owner, words.stands_on_it(one.point.id)
    for each in held.strangers:
        for owner in sorted(_owners(held, held.closure([each.holding]))):
            yield owner, words.stranger_stands_on_it(str(each.holding))


def _owners(held: Repositories, holdings: frozenset[Holding]) -> set[str]:
    return {owner for holding in holdings for owner in held.owners.get(holding, ())}


def _drops(facts: Facts, kept: Sequence[RestorePoint], reaching: Set[str]) -> Drops:
    dropped = facts.repositories.drops(kept)
    forward = [point.database for point in kept if point.id in reaching]
    return Drops(holdings=dropped, logs=tuple(facts.repositories.logs(forward, set(dropped))))


def _why_it_goes(one: Candidate, facts: Facts, rules: Rules) -> str:
    if one.point.id not in facts.whole_ids:
        return words.SPOILED
    return words.too_old(rules.most_days or 0) if is_too_old(rules, one.point, facts.now) else words.NO_RULE


def _remarks(facts: Facts) -> Iterator[str]:
    held, known = facts.repositories, {one.point.id for one in facts.candidates}
    for needed, who in (*facts.changes.items(), *facts.ways_back.items()):
        if needed not in known:
            yield words.needed_but_gone(needed, who)
    for one in facts.newest_first:
        lacking = [holding for holding in one.point.needs if holding not in held.present]
        if lacking:
            yield words.lacks(one.point.id, str(lacking[0]), len(lacking))
    for each in held.strangers:
        yield words.stranger(str(each.holding), each.point)
    for point in facts.going:
        yield words.to_be_finished(point.id)
