"""Which points a damage spoils: through references, shared repositories and the log; and no others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clmdeploy.backups.spoiling import Damage, Log, lost, spoiled, verified
from clmdeploy.backups.wal import SEGMENT_SIZE, Segment
from clmdeploy.model.bilingual import Bilingual, russian

from .conftest import BEGIN, Made, make_point

FULL = make_point(Made(BEGIN, segment=2))
INCR = make_point(Made(BEGIN + timedelta(days=1), "incr", (FULL,), segment=12, files=2))
OTHER = make_point(Made(BEGIN + timedelta(days=2), segment=22))
POINTS = {"full": FULL, "incr": INCR, "other": OTHER}


def log(*missing: int, timeline: int = 1, newest: int = 40) -> Log:
    segments = frozenset(Segment(timeline, number).name for number in range(1, newest + 1) if number not in missing)
    return Log(repository="clm", system_id=FULL.database.system_id, segments=segments)


def damage(engine: str, repository: str, *names: str, segment: int | None = None) -> Damage:
    return Damage.model_validate(
        {"engine": engine, "repository": repository, "key": "the/key", "names": names,
         "cause": Bilingual("broken", "сломан"), "segment": "" if segment is None else Segment(1, segment).name}
    )  # fmt: skip


def hit(found: dict[str, tuple[str, ...]]) -> list[str]:
    return [name for name, point in POINTS.items() if point.id in found]


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (damage("pgbackrest", "clm", FULL.database.label), ["full", "incr"]),
        (damage("pgbackrest", "clm", INCR.database.label), ["incr"]),
        (damage("pgbackrest", "clm"), ["full", "incr", "other"]),
        (damage("pgbackrest", "another", FULL.database.label), []),
        (damage("restic", "app1", OTHER.files[0].snapshot), ["other"]),
        (damage("restic", "app2"), ["incr"]),
        (damage("restic", "app1", FULL.files[0].snapshot, INCR.files[0].snapshot), ["full", "incr"]),
        (damage("pgbackrest", "clm", segment=13), ["incr"]),
        (damage("pgbackrest", "clm", segment=14), []),
        (damage("pgbackrest", "another", segment=13), []),
    ],
)
def test_a_damaged_object_spoils_all_that_need_it(found: Damage, names: list[str]) -> None:
    """By references; where it is not known whose it is, all of that repository. Segment 13 has incr's named point."""
    assert hit(spoiled(POINTS.values(), [found], [log()])) == names


@pytest.mark.parametrize(
    ("missing", "standalone", "names"),
    [
        ((), (), []),
        ((1, 4, 11, 14, 21, 24, 39), (), []),
        ((2,), (), ["full"]),
        ((13,), (), ["incr"]),
        ((13,), (INCR.id,), []),
        ((12,), (INCR.id,), ["incr"]),
        (tuple(range(1, 41)), (), ["full", "incr", "other"]),
    ],
)
def test_missing_log_spoils_the_points_that_need_it(
    missing: tuple[int, ...], standalone: tuple[str, ...], names: list[str]
) -> None:
    """From the start of the backup to the named point; standing alone, to where the backup is consistent."""
    assert hit(spoiled(POINTS.values(), [], [log(*missing)], standalone)) == names


def test_log_that_was_not_looked_at_is_not_there() -> None:
    """Silence would call points sound that nobody has looked at; log of another cluster does not count."""
    of_another = log().model_copy(update={"system_id": "1"})
    for logs in ([], [of_another], [log().model_copy(update={"repository": "another"})]):
        assert hit(spoiled(POINTS.values(), [], logs)) == ["full", "incr", "other"]


def test_a_dump_needs_no_log() -> None:
    """It has none."""
    database = FULL.database.model_copy(update={"engine": "pgdump", "type": "dump", "wal": None, "digest": "d" * 64})
    assert spoiled([FULL.model_copy(update={"database": database})], [], []) == {}


def test_causes_name_what_is_broken_in_both_languages() -> None:
    """Object, log and what they belong to."""
    found = [damage("pgbackrest", "clm", FULL.database.label), damage("pgbackrest", "clm", segment=2)]
    causes = spoiled([FULL], found, [log(3)])[FULL.id]
    assert len(causes) == 3
    assert causes[0] == f"pgbackrest clm {FULL.database.label}: the/key: broken"
    assert "000000010000000000000003" in causes[1]
    assert [one for one in causes if russian(one) == one] == []


def test_a_point_is_verified_when_the_last_of_its_parts_is() -> None:
    """The mark is as old as the oldest part, the backups below it included."""
    read = {holding: BEGIN + timedelta(days=day) for day, holding in enumerate(INCR.needs)}
    assert verified(INCR, read) == BEGIN
    for holding in INCR.needs:
        assert verified(INCR, {one: at for one, at in read.items() if one != holding}) is None


@pytest.mark.parametrize(
    ("missing", "archived", "in_flight", "holes"),
    [
        ((), 40, 0, []),
        ((7, 8), 40, 0, [(7, 8)]),
        ((40,), 40, 0, [(40, 40)]),
        ((40,), 40, 1, []),
        ((38, 40), 40, 2, [(38, 38)]),
        ((38, 39), 40, 2, [(38, 38)]),
        ((), 43, 0, [(41, 43)]),
        ((), 43, 3, []),
        ((), 30, 0, []),
    ],
)
def test_segments_that_the_server_calls_stored_must_be_there(
    missing: tuple[int, ...], archived: int, in_flight: int, holes: list[tuple[int, int]]
) -> None:
    """An archive command that lies shows in nothing else; the newest may still be on their way."""
    found = lost(log(*missing), SEGMENT_SIZE, Segment(1, archived).name, in_flight)
    assert [(gap.first.number, gap.last.number) for gap in found] == holes


def test_a_new_timeline_of_which_nothing_has_come_is_noticed() -> None:
    """After a promotion the log goes on under another name."""
    assert [str(gap) for gap in lost(log(), SEGMENT_SIZE, Segment(2, 41).name)] == [Segment(2, 41).name]
    assert lost(log(), SEGMENT_SIZE, Segment(2, 41).name, in_flight=2) == ()
