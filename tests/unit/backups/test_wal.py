"""WAL arithmetic: names, sizes, timelines, and what is missing between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.backups.wal import SEGMENT_SIZE, Fork, Gap, Segment, gaps, holes, is_segment, needed, read_history
from clmdeploy.model.errors import InvalidInput

MIB = 1024**2
SIZES = [1 * MIB, 16 * MIB, 64 * MIB, 1024 * MIB]


@pytest.mark.parametrize(
    ("name", "size", "number"),
    [
        ("000000010000000000000001", 16 * MIB, 1),
        ("0000000100000000000000FF", 16 * MIB, 255),
        ("000000010000000100000000", 16 * MIB, 256),
        ("00000001000000010000003F", 64 * MIB, 127),
        ("000000010000000200000003", 1024 * MIB, 11),
        ("000000010000000000000FFF", 1 * MIB, 4095),
    ],
)
def test_a_name_counts_segments_by_their_size(name: str, size: int, number: int) -> None:
    """The last part of the name wraps sooner the larger segments are."""
    assert Segment.named(name, size).number == number
    assert Segment(1, number, size).name == name


@given(st.integers(1, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF * 4), st.sampled_from(SIZES))
def test_names_are_read_back(timeline: int, number: int, size: int) -> None:
    """Name and segment are two spellings of one thing."""
    segment = Segment(timeline, number % (0xFFFFFFFF * (0x100000000 // size)), size)
    assert Segment.named(segment.name, size) == segment


@pytest.mark.parametrize(
    "name",
    [
        "", "000000010000000000000001.partial", "00000002.history", "00000001000000000000000g",
        "000000010000000000000001.00000028.backup", "0000000100000000000000aa", "٠" * 24,
    ],
)  # fmt: skip
def test_other_files_of_the_log_are_no_segments(name: str) -> None:
    """The partial last segment of a left timeline, histories and labels are not taken for log."""
    assert not is_segment(name)
    with pytest.raises(InvalidInput, match="not the name"):
        Segment.named(name)


@pytest.mark.parametrize(("name", "size"), [("000000010000000000000100", 16 * MIB), ("0" * 24, 3 * MIB), ("0" * 24, 0)])
def test_a_name_that_does_not_fit_the_size_is_refused(name: str, size: int) -> None:
    """The number would be wrong, and every gap with it."""
    with pytest.raises(InvalidInput, match="bytes"):
        Segment.named(name, size)


@pytest.mark.parametrize(
    ("lsn", "number"), [("0/2000001", 2), ("0/2000000", 1), ("0/1", 0), ("0/0", 0), ("1/0", 255), ("1/1", 256)]
)
def test_an_edge_belongs_to_the_segment_before(lsn: str, number: int) -> None:
    """To reach a position only the bytes before it are read."""
    assert Segment.ending_at(1, lsn).number == number


@pytest.mark.parametrize("lsn", ["", "1", "1/", "g/0", "1/123456789", "0/1 "])
def test_rubbish_is_no_position(lsn: str) -> None:
    """A wrong number must not be silently made of it."""
    with pytest.raises(InvalidInput, match="log sequence number"):
        Segment.ending_at(1, lsn)


def test_holes_are_found_on_each_timeline() -> None:
    """The first segment of a timeline lies where it forked: what is before is the other timeline's."""
    names = [Segment(1, number).name for number in (1, 2, 5, 9)] + [Segment(2, number).name for number in (4, 5)]
    found = holes([*names, "00000002.history"])
    assert found == (Gap(Segment(1, 3), Segment(1, 4)), Gap(Segment(1, 6), Segment(1, 8)))
    assert str(found[0]) == "000000010000000000000003–000000010000000000000004 (2)"


@given(st.sets(st.integers(0, 2000), min_size=1, max_size=60))
def test_holes_and_segments_fill_the_row(numbers: set[int]) -> None:
    """Nothing between oldest and newest is neither there nor told missing."""
    found = holes(Segment(1, number).name for number in numbers)
    missing = {number for gap in found for number in range(gap.first.number, gap.last.number + 1)}
    assert missing | numbers == set(range(min(numbers), max(numbers) + 1))
    assert not missing & numbers
    wanted = [Segment(1, number) for number in range(min(numbers), max(numbers) + 1)]
    assert gaps(wanted, {Segment(1, number).name for number in numbers}) == found


def test_recovery_follows_the_timelines() -> None:
    """The segment of a fork is read from the newer timeline; the log that was left behind the fork is not needed."""
    history = read_history("1\t0/5000100\tno recovery target specified\n# a comment\n\n2\t0/7000000\tbefore 2026\n")
    assert history == (Fork(1, "0/5000100"), Fork(2, "0/7000000"))
    read = [(one.timeline, one.number) for one in needed(Segment(1, 3), Segment(3, 8), history)]
    assert read == [(1, 3), (1, 4), (2, 5), (2, 6), (3, 7), (3, 8)]


@pytest.mark.parametrize(
    ("start", "until", "history"),
    [
        (Segment(2, 3), Segment(1, 9), ()),
        (Segment(4, 3), Segment(3, 9), (Fork(1, "0/5000000"), Fork(2, "0/6000000"))),
        (Segment(1, 6), Segment(2, 9), (Fork(1, "0/5000000"),)),
    ],
)
def test_a_timeline_that_does_not_lead_there_is_refused(
    start: Segment, until: Segment, history: tuple[Fork, ...]
) -> None:
    """A backup from behind the fork can't be brought to the other branch: PostgreSQL refuses it too."""
    with pytest.raises(InvalidInput, match="timeline"):
        list(needed(start, until, history))


@pytest.mark.parametrize("text", ["1", "one 0/1 x", "1 2 3", "١ 0/1 x"])
def test_a_history_that_is_none_is_refused(text: str) -> None:
    """A wrong path through the timelines would hide what is missing."""
    with pytest.raises(InvalidInput, match="history"):
        read_history(text)


def test_the_usual_size_is_the_default() -> None:
    """`initdb` makes segments of 16 MiB unless told otherwise."""
    assert Segment.named("000000010000000000000001").size == SEGMENT_SIZE == 16 * MIB
