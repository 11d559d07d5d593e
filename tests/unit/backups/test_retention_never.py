"""What retention never does, in any world: points of all types and states, strangers, wreckage, wrong rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.repositories import Listed, Repositories
from clmdeploy.backups.retention import Verdicts, judge
from clmdeploy.backups.retention_facts import Candidate, Facts
from clmdeploy.backups.standing import Standing
from clmdeploy.config.backup import Rules
from clmdeploy.model.bilingual import Bilingual

from .conftest import BEGIN, Made, listed, make_point

RULES = st.builds(
    Rules, last=st.integers(1, 3), daily=st.integers(0, 3), weekly=st.integers(0, 2), monthly=st.integers(0, 2),
    most_days=st.none() | st.integers(1, 20),
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[RestorePoint]:
    """Points in order of time, each full or on any one before it."""
    points: list[RestorePoint] = []
    at = BEGIN
    for number in range(draw(st.integers(1, 9))):
        at += timedelta(hours=draw(st.integers(1, 100)))
        kind = draw(st.sampled_from(["full", "diff", "incr"])) if points else "full"
        on = (draw(st.sampled_from(points)),) if kind != "full" else ()
        points.append(make_point(Made(at, kind, on, segment=number * 3 + 1)))
    return points


@st.composite
def worlds(draw: st.DrawFn) -> Facts:
    """All that may be true at once."""
    points = draw(histories())
    now = points[-1].completed + timedelta(hours=draw(st.integers(0, 500)))
    some = st.frozensets(st.sampled_from([point.id for point in points]), max_size=2)
    verified, spoiled, pinned, going = (draw(some) for _ in range(4))
    lost, cut_off, unknown, needed, way = (draw(some) for _ in range(5))
    candidates = tuple(
        Candidate(
            point, now if point.id in verified and point.id not in spoiled else None, point.id in spoiled,
            _pin(point) if point.id in pinned else None,
        )
        for point in points if point.id not in going | cut_off | unknown
    )  # fmt: skip
    dropped = {holding for point in points if point.id in lost for holding in point.own[: draw(st.integers(1, 2))]}
    return Facts(
        now, UTC, candidates, tuple(one for one in listed(*points) if one.holding not in dropped),
        going=tuple(point for point in points if point.id in going), cut_off=cut_off - going,
        changes=dict.fromkeys(needed, "change"), ways_back=dict.fromkeys(way, "1.0.0"),
        running=draw(st.sampled_from(["", "", "", "backup"])), faults=draw(st.sampled_from([(), (), (), ("x",)])),
    )  # fmt: skip


def _pin(point: RestorePoint) -> Standing:
    return Standing(point=point.id, environment_id="uuid-of-lab", state="pinned", mode="pitr", by="anna", at=BEGIN)


def _kept(facts: Facts, verdicts: Verdicts) -> list[Candidate]:
    return [one for one in facts.candidates if one.point.id in verdicts.kept]


@given(RULES, worlds())
def test_what_is_needed_never_goes(rules: Rules, facts: Facts) -> None:
    """The newest verified point, pinned ones, those that a change or a rollback needs, the newest whole ones."""
    kept = set(judge(rules, facts).kept)
    whole = [one for one in facts.newest_first if one.point.id in facts.whole_ids]
    assert {one.point.id for one in [one for one in whole if one.verified][:1]} <= kept
    assert {one.point.id for one in facts.candidates if one.standing} <= kept
    assert {one.point.id for one in facts.candidates} & ({*facts.changes} | {*facts.ways_back}) <= kept
    assert {one.point.id for one in whole[: rules.last]} <= kept


@given(RULES, worlds())
def test_nothing_is_dropped_that_a_kept_point_or_a_stranger_stands_on(rules: Rules, facts: Facts) -> None:
    """Neither by name nor because the engine drops what stands on the dropped."""
    verdicts = judge(rules, facts)
    dropped = set(verdicts.drops.holdings)
    for one in _kept(facts, verdicts):
        assert not dropped & set(one.point.needs)
    ours = {holding for point in (*(one.point for one in facts.candidates), *facts.going) for holding in point.own}
    for each in facts.listed:
        if each.holding not in ours and each.point not in facts.cut_off:
            assert not dropped & {each.holding, *each.bases}
        if dropped & set(each.bases):
            assert each.holding in dropped


@given(RULES, worlds())
def test_what_stands_on_others_is_dropped_before_them(rules: Rules, facts: Facts) -> None:
    """Each drop takes exactly one thing."""
    order = judge(rules, facts).drops.holdings
    bases = {each.holding: set(each.bases) for each in facts.listed}
    for number, holding in enumerate(order):
        assert not bases[holding] & set(order[:number])
    assert len(order) == len(set(order))


@given(RULES, worlds())
def test_nothing_goes_while_a_backup_runs_or_something_is_unknown(rules: Rules, facts: Facts) -> None:
    """Nor before anything was verified."""
    verdicts = judge(rules, facts)
    unproven = not any(one.verified and one.point.id in facts.whole_ids for one in facts.candidates)
    assert bool(verdicts.halted) == bool(facts.running or facts.faults or unproven)
    if verdicts.halted:
        assert (verdicts.leaving, verdicts.drops.holdings, verdicts.drops.logs) == ((), (), ())


@given(RULES, worlds())
def test_every_point_is_judged_with_a_reason(rules: Rules, facts: Facts) -> None:
    """Newest first, in two languages, each reason once."""
    verdicts = judge(rules, facts)
    assert [one.point for one in verdicts.judgements] == [one.point.id for one in facts.newest_first]
    for judgement in verdicts.judgements:
        assert all(isinstance(reason, Bilingual) for reason in judgement.reasons)
        assert len(set(judgement.reasons)) == len(judgement.reasons)


@given(RULES, worlds())
def test_expiring_again_removes_no_more(rules: Rules, facts: Facts) -> None:
    """What stays does not depend on what has gone."""
    first = judge(rules, facts)
    left = replace(
        facts, candidates=tuple(_kept(facts, first)), going=(),
        listed=tuple(one for one in facts.listed if one.holding not in first.drops.holdings),
    )  # fmt: skip
    second = judge(rules, left)
    assert second.leaving == ()
    assert second.drops.holdings == ()


@given(RULES, worlds())
def test_the_log_that_a_kept_point_reaches_forward_from_stays(rules: Rules, facts: Facts) -> None:
    """By the engine's own rule: log from the start of the n-th newest full backup that is left."""
    verdicts = judge(rules, facts)
    left = [one for one in facts.listed if one.holding not in verdicts.drops.holdings]
    fulls = sorted(one.holding.name for one in left if one.holding.engine == "pgbackrest" and not one.references)
    for log in verdicts.drops.logs:
        horizon = fulls[-log.fulls]
        reaching = {one.point for one in verdicts.judgements if one.keeps_log}
        kept = [one.point for one in _kept(facts, verdicts) if one.point.id in reaching]
        assert all(point.database.full >= horizon for point in kept)
        assert all(point.database.wal.start >= min(log.oldest.values()) for point in kept if point.database.wal)


@given(histories())
def test_a_closure_holds_all_below(points: list[RestorePoint]) -> None:
    """Down to the full backup, by what manifests and engines say."""
    held = Repositories((), tuple(points))
    for point in points:
        assert held.closure([point.database.holding]) == set(point.database.needs)


def test_a_listing_without_references_still_has_those_of_the_manifests() -> None:
    """An engine's listing that is cut short is no leave to drop."""
    full = make_point()
    incr = make_point(Made(BEGIN + timedelta(days=1), "incr", (full,)))
    bare = tuple(Listed(holding=one.holding) for one in listed(full, incr))
    assert not set(Repositories(bare, (full, incr)).drops([incr])) & set(incr.needs)
