"""Retention: what stays and goes, with every reason; and what never goes, whatever the rules and the world are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clmdeploy.backups.point import Holding, RestorePoint
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.retention import Verdicts, judge
from clmdeploy.backups.retention_facts import Candidate, Facts
from clmdeploy.backups.standing import Standing
from clmdeploy.config.backup import Rules
from clmdeploy.model.bilingual import russian

from .conftest import BEGIN, Made, listed, make_point

ONE = Rules(last=1, daily=0, weekly=0, monthly=0)
FOREIGN = Holding(engine="pgbackrest", repository="clm", name="20260106-090000F")


def days(count: int, every: timedelta = timedelta(days=1)) -> list[RestorePoint]:
    """Points that stand alone, oldest first."""
    return [make_point(Made(BEGIN + number * every, segment=10 * number + 2)) for number in range(count)]


def chain() -> list[RestorePoint]:
    """A full backup, a differential and an incremental one on it, and another full one; a day apart."""
    full = make_point(Made(BEGIN, segment=2))
    diff = make_point(Made(BEGIN + timedelta(days=1), "diff", (full,), segment=12))
    incr = make_point(Made(BEGIN + timedelta(days=2), "incr", (diff,), segment=22))
    return [full, diff, incr, make_point(Made(BEGIN + timedelta(days=3), segment=32))]


def facts_of(points: list[RestorePoint], **others: Any) -> Facts:  # Any: fields of Facts
    """Every point verified a day after the newest, which is now."""
    now = points[-1].completed + timedelta(days=1)
    candidates = tuple(Candidate(point, verified=now) for point in points)
    return replace(Facts(now, UTC, candidates, listed(*points)), **others)


def only(facts: Facts, number: int, **others: Any) -> Facts:  # Any: fields of Candidate
    """The facts with one candidate changed."""
    changed = list(facts.candidates)
    changed[number] = replace(changed[number], **others)
    return replace(facts, candidates=tuple(changed))


def stays(verdicts: Verdicts, points: list[RestorePoint]) -> list[int]:
    """Which of the points stay, by number."""
    return [number for number, point in enumerate(points) if point.id in verdicts.kept]


def why(verdicts: Verdicts, point: RestorePoint) -> str:
    return "; ".join(next(one.reasons for one in verdicts.judgements if one.point == point.id))


def pin(point: RestorePoint, mode: str = "pitr") -> Standing:
    return Standing.model_validate(
        {"point": point.id, "environment_id": "uuid-of-lab", "state": "pinned", "mode": mode,
         "by": "anna@lab", "at": BEGIN, "reason": "audit 2026"}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        (Rules(last=1, daily=0, weekly=0, monthly=0), [69]),
        (Rules(last=3, daily=0, weekly=0, monthly=0), [67, 68, 69]),
        (Rules(last=1, daily=3, weekly=0, monthly=0), [67, 68, 69]),
        (Rules(last=1, daily=0, weekly=3, monthly=0), [55, 62, 69]),  # BEGIN is a Monday: 62 and 55 are Sundays
        (Rules(last=1, daily=0, weekly=0, monthly=9), [26, 54, 69]),  # 31 January, 28 February
        (Rules(last=1, daily=2, weekly=2, monthly=2, most_days=10), [62, 68, 69]),
        (Rules(last=4, daily=2, weekly=2, monthly=2, most_days=1), [66, 67, 68, 69]),
    ],
)
def test_counts_and_age_decide(rules: Rules, kept: list[int]) -> None:
    """Seventy daily points, the newest of 15 March: the newest of each period stays, until it is too old."""
    points = days(70)
    verdicts = judge(rules, facts_of(points))
    assert stays(verdicts, points) == kept
    assert len(verdicts.leaving) == 70 - len(kept)
    assert len(verdicts.drops.of("pgbackrest")) == len(verdicts.drops.of("restic")) == 70 - len(kept)


def test_days_are_those_of_the_people() -> None:
    """22:00 UTC is the next day in Moscow: other points are the last of their day."""
    points = days(8, timedelta(hours=7))
    rules = Rules(last=1, daily=2, weekly=0, monthly=0)
    facts = facts_of(points)
    assert stays(judge(rules, facts), points) == [6, 7]
    assert stays(judge(rules, replace(facts, zone=ZoneInfo("Asia/Kamchatka"))), points) == [4, 7]


def test_days_without_points_use_up_no_slot() -> None:
    """After a month of failed backups the points from before it are worth more, not less."""
    points = days(3, timedelta(days=30))
    assert stays(judge(Rules(last=1, daily=3, weekly=0, monthly=0), facts_of(points)), points) == [0, 1, 2]


def test_a_damaged_point_fills_no_slot() -> None:
    """Three newer ones that are damaged or incomplete don't push out the good one."""
    points = days(5)
    facts = only(facts_of(points), 4, spoiled=True, verified=None)
    lacking = {points[3].files[0].holding}
    facts = replace(facts, listed=tuple(one for one in facts.listed if one.holding not in lacking))
    verdicts = judge(ONE, facts)
    assert stays(verdicts, points) == [2]
    assert "number 1 of the last 1" in why(verdicts, points[2])
    assert "damaged or incomplete" in why(verdicts, points[4])
    assert [points[3].id in one and "can't be restored" in one for one in verdicts.remarks] == [True]


def test_the_newest_verified_point_stays() -> None:
    """The newer ones may all be worthless: nobody has looked."""
    points = days(5)
    facts = facts_of(points)
    for number in (2, 3, 4):
        facts = only(facts, number, verified=None)
    verdicts = judge(ONE, facts)
    assert stays(verdicts, points) == [1, 4]
    assert "the newest that was read back whole" in why(verdicts, points[1])


def test_each_need_is_named() -> None:
    """Who looks at night learns whom to ask."""
    points = days(6)
    facts = only(facts_of(points), 0, standing=pin(points[0]))
    facts = replace(facts, changes={points[1].id: "20260110-1-deploy-aa"}, ways_back={points[2].id: "1.1.0"})
    verdicts = judge(ONE, facts)
    assert stays(verdicts, points) == [0, 1, 2, 5]
    assert why(verdicts, points[0]) == f"pinned by anna@lab at {BEGIN.isoformat(timespec='minutes')}: audit 2026"
    assert why(verdicts, points[1]) == "open change 20260110-1-deploy-aa needs it"
    assert why(verdicts, points[2]) == "a rollback to 1.1.0 needs it"
    assert why(verdicts, points[3]) == "no rule keeps it"


def test_age_is_named_where_it_decides() -> None:
    """`most_days` is another reason than a full count."""
    points = days(6)
    verdicts = judge(Rules(last=1, daily=9, weekly=0, monthly=0, most_days=3), facts_of(points))
    assert why(verdicts, points[0]) == "older than 3 days, and not among the last"


def test_what_others_stand_on_stays() -> None:
    """The pinned increment needs all below it; each says for whom."""
    points = chain()
    verdicts = judge(ONE, only(facts_of(points), 2, standing=pin(points[2])))
    assert stays(verdicts, points) == [0, 1, 2, 3]
    assert why(verdicts, points[0]) == f"{points[2].id}, which stays, stands on its backup"
    assert verdicts.drops.holdings == ()


def test_what_stands_on_others_goes_first() -> None:
    """An engine that drops a full backup drops all upon it: so the order hides no surprise."""
    points = chain()
    verdicts = judge(ONE, facts_of(points))
    assert [one.name for one in verdicts.drops.of("pgbackrest")] == [p.database.label for p in reversed(points[:3])]


def test_the_engine_knows_bases_that_the_manifest_does_not() -> None:
    """pgBackRest drops by the backup before, which need not be referenced."""
    points = chain()
    last = Listed(holding=points[3].database.holding, references=(points[1].database.label,), point=points[3].id)
    facts = facts_of(points)
    facts = replace(facts, listed=(*(one for one in facts.listed if one.holding != last.holding), last))
    assert stays(judge(ONE, facts), points) == [0, 1, 3]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"running": "backup by cron@backup1"}, "a backup or restore runs: backup by cron@backup1"),
        ({"faults": ("lab/points/x.json is damaged",)}, "not known for sure: lab/points/x.json is damaged"),
        ({"now": BEGIN}, "one of the two clocks is wrong"),
        ({"candidates": ()}, "no point has been read back whole"),
    ],
)
def test_some_things_stop_every_removal(others: dict[str, Any], said: str) -> None:  # Any: fields of Facts
    """Nothing goes while a backup runs, or what there is is not known, or the clock lies."""
    points = days(6)
    verdicts = judge(ONE, facts_of(points, **others))
    assert [said in one for one in verdicts.halted] == [True]
    assert verdicts.leaving == ()
    assert (verdicts.drops.holdings, verdicts.drops.logs) == ((), ())


def test_without_a_verified_point_nothing_goes() -> None:
    """Else counts alone might leave seven points of which none can be restored."""
    points = days(6)
    facts = facts_of(points)
    for number in range(6):
        facts = only(facts, number, verified=None)
    verdicts = judge(ONE, facts)
    assert verdicts.leaving == ()
    assert why(verdicts, points[0]) == "nothing is removed now"


def test_what_nobody_here_made_is_left_alone_with_its_bases() -> None:
    """A backup made by hand on one of ours would go with it."""
    points = chain()
    foreign = Listed(holding=points[2].database.holding.model_copy(update={"name": "by-hand"}),
                     references=(points[1].database.label,))  # fmt: skip
    facts = facts_of(points)
    verdicts = judge(ONE, replace(facts, listed=(*facts.listed, foreign)))
    assert stays(verdicts, points) == [0, 1, 3]
    assert "by-hand" in why(verdicts, points[1])
    assert ["made by hand" in one for one in verdicts.remarks] == [True]
    assert [one.name for one in verdicts.drops.of("pgbackrest")] == [points[2].database.label]


@pytest.mark.parametrize("cut_off", [True, False])
def test_what_a_cut_off_backup_left_goes_only_when_the_journal_tells_of_it(cut_off: bool) -> None:
    """A backup whose point the catalogue does not know may be one whose manifest was taken away."""
    points = days(3)
    left = Listed(holding=FOREIGN, point="20260106-090000000-dead")
    facts = facts_of(points, cut_off=frozenset({"20260106-090000000-dead"} if cut_off else ()))
    verdicts = judge(ONE, replace(facts, listed=(*facts.listed, left)))
    assert (FOREIGN in verdicts.drops.holdings) is cut_off
    assert any("does not know" in one for one in verdicts.remarks) is not cut_off


def test_a_removal_that_was_cut_off_is_finished() -> None:
    """What was dropped already is not dropped again; what a newer backup has come to stand on is held back."""
    points = chain()
    facts = facts_of(points[3:], going=(points[0], points[1]), listed=listed(points[1], points[3]))
    verdicts = judge(ONE, facts)
    assert {one.name for one in verdicts.drops.holdings} == {one.name for one in points[1].own}
    assert sum("cut off" in one for one in verdicts.remarks) == 2
    on_it = make_point(Made(BEGIN + timedelta(days=9), "incr", (points[1],), segment=90))
    facts = facts_of([on_it], going=(points[0], points[1]), listed=listed(*points[:2], on_it))
    dropped = {one.name for one in judge(ONE, facts).drops.holdings}
    assert dropped == {part.snapshot for point in points[:2] for part in point.files}


def test_a_need_for_a_point_that_is_not_there_is_told() -> None:
    """The way back is lost already: better heard now."""
    verdicts = judge(ONE, facts_of(days(2), ways_back={"20250101-000000000-aaaa": "1.1.0"}))
    assert ["20250101-000000000-aaaa" in one for one in verdicts.remarks] == [True]


@pytest.mark.parametrize(("mode", "fulls", "oldest"), [("pitr", 4, 2), ("standalone", 1, 52)])
def test_log_is_kept_from_the_oldest_point_that_reaches_forward(mode: str, fulls: int, oldest: int) -> None:
    """A pin with point-in-time holds all log since; one that stands alone lets it go. Dropped fulls don't count."""
    points = days(6)
    facts = only(facts_of(points), 0, standing=pin(points[0], mode))
    facts = only(only(facts, 2, standing=pin(points[2], "standalone")), 3, standing=pin(points[3], "standalone"))
    (log,) = judge(ONE, facts).drops.logs
    assert (log.repository, log.fulls) == ("clm", fulls)
    assert log.oldest == {"7400000000000000001": f"{'00000001':0<16}{oldest:08X}"}


def test_log_of_an_increment_is_counted_from_its_full_backup() -> None:
    """pgBackRest drops log by the starts of full backups."""
    points = chain()
    (log,) = judge(Rules(last=2, daily=0, weekly=0, monthly=0), facts_of(points)).drops.logs
    assert (log.fulls, log.oldest["7400000000000000001"][-2:]) == (2, "16")


def test_a_pin_that_stands_alone_holds_no_log_through_its_full_backup() -> None:
    """The full backup stays for the pinned increment's sake, not for moments after it."""
    points = chain()
    verdicts = judge(ONE, only(facts_of(points), 2, standing=pin(points[2], "standalone")))
    assert stays(verdicts, points) == [0, 1, 2, 3]
    assert [one.keeps_log for one in verdicts.judgements] == [True, False, False, False]
    assert [log.fulls for log in verdicts.drops.logs] == [1]


def test_log_stays_where_its_full_backup_is_not_listed() -> None:
    """A count that is not known might drop what is needed."""
    points = chain()
    facts = only(facts_of(points), 2, standing=pin(points[2]))
    facts = replace(facts, listed=tuple(one for one in facts.listed if one.holding != points[0].database.holding))
    assert judge(ONE, facts).drops.logs == ()


def test_every_reason_is_told_in_both_languages() -> None:
    """Who is woken reads their own."""
    points = chain()
    facts = only(facts_of(points, going=(make_point(BEGIN - timedelta(days=9)),)), 2, standing=pin(points[2]))
    facts = replace(facts, ways_back={"20250101-000000000-aaaa": "1.1.0"}, running="backup", faults=("x",))
    verdicts = judge(Rules(), facts)
    told = [*verdicts.halted, *verdicts.remarks, *(why for one in verdicts.judgements for why in one.reasons)]
    assert len(set(told)) > 10
    assert [one for one in told if russian(one) == one] == []


def test_a_thousand_points_are_judged_at_once() -> None:
    """Years of points are no reason to wait."""
    points = days(1000, timedelta(hours=6))
    began = datetime.now(UTC)
    judge(Rules(), facts_of(points))
    assert datetime.now(UTC) - began < timedelta(seconds=5)
