"""How far the log in the archive reaches, asked of the archive itself: servers may be gone, and don't know of holes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from clmdeploy.backups.archive_reach import ArchiveFacts, ArchiveHistories, ArchiveListing, ArchiveOutline, Line
from clmdeploy.backups.command import Completed
from clmdeploy.backups.restore_works import FilesRestorable, Restorable
from clmdeploy.backups.targets import Lines, to_end, to_moment
from clmdeploy.backups.wal import Fork, Segment
from clmdeploy.backups.work import WorkFailed
from clmdeploy.model.errors import InvalidInput

from .test_restore_works import FILES, SPAN, info
from .test_targets import FIRST, hour

NOON = int(hour(0).timestamp())


def entry(time: int) -> dict[str, Any]:
    return {"type": "file", "size": 1, "time": time}


def stored(archive: str, *segments: Segment, step: int = 60) -> dict[str, Any]:
    """Segments, one a minute from noon on."""
    return {
        f"{archive}/{one.name[:16]}/{one.name}-{'a' * 40}.zst": entry(NOON + step * number)
        for number, one in enumerate(segments)
    }


def facts(entries: dict[str, Any], at: datetime | None = None, **histories: str) -> ArchiveFacts:
    said = json.dumps({".": {"type": "path"}, **entries}).encode()
    arguments: dict[str, Any] = {"stanza": "clm", "at": at.isoformat() if at else None, "directories": []}
    told = ArchiveListing().read(arguments, [Completed(0, said)])
    lines = [Line.model_validate(one) for one in told["lines"]]
    return ArchiveFacts(lines=tuple(lines), texts={int(key[1:]): text for key, text in histories.items()})


TWO = stored("17-2", *(Segment(1, number) for number in range(60, 70))) | stored("17-2", Segment(2, 64), Segment(2, 65))
TWO |= {"17-2/00000002.history": entry(NOON + 900), "16-1/000000FF.history": entry(1)}


def test_the_archive_knows_timelines_that_no_server_knows_any_more() -> None:
    """By what is stored of them and by their histories; what lies in the archive of an older PostgreSQL is none."""
    known = facts(TWO, l2="1\t0/40000028\tby hand\n")
    assert known.live == 2
    assert known.histories == {2: (Fork(1, "0/40000028"),)}
    assert known.begun == {2: datetime.fromtimestamp(NOON + 900, UTC)}
    assert known.line(1).newest == Segment(1, 69).name


def outline(entries: dict[str, Any], at: datetime | None) -> list[str]:
    """Directories that are looked into, by what the outline's own filter lets through."""
    (command,) = ArchiveOutline().commands({"stanza": "clm"})
    (only,) = [word.removeprefix("--filter=") for word in command.argv if word.startswith("--filter=")]
    told = {name: one for name, one in entries.items() if re.search(only, name)}
    said = json.dumps({".": {"type": "path"}, **told}).encode()
    arguments: dict[str, Any] = {"stanza": "clm", "at": at.isoformat() if at else None}
    return ArchiveOutline().read(arguments, [Completed(0, said)])["directories"]  # type: ignore[no-any-return]


def test_of_a_long_archive_few_directories_are_looked_into() -> None:
    """The last one of each timeline, and those around the moment; what comes of them is what all of it would tell."""
    long = stored("17-2", *(Segment(1, number) for number in range(100, 2000)))
    second = stored("17-2", *(Segment(2, number) for number in range(1900, 1910)))  # its first directory begins late
    everything = long | second
    everything |= {f"17-2/{name.split('/')[1]}": {"type": "path"} for name in list(everything)}
    assert outline(everything, None) == ["0000000100000007", "0000000200000007"]
    for minutes in (10, 156, 157, 700, 1899, 5000):
        at = datetime.fromtimestamp(NOON + 60 * minutes, UTC)
        chosen = outline(everything, at)
        assert len(chosen) <= 4
        few = {name: one for name, one in everything.items() if name.split("/")[1] in chosen}
        assert facts(few, at).line(1) == facts(everything, at).line(1)
        assert facts(few, at).line(2) == facts(everything, at).line(2)


def test_a_span_that_can_not_be_told_whole_is_refused() -> None:
    """Better than to say of log that it is not there, or of a restore that all is."""
    with pytest.raises(WorkFailed, match="too many"):
        Restorable().read(SPAN, [Completed(0, info()), Completed(0, b"", cut=True)])


def test_a_history_is_read_from_where_it_lies() -> None:
    """Below the repository's path, by its owner."""
    (path,) = [line.history for line in facts(TWO).lines if line.history]
    (command,) = ArchiveHistories().commands({"stanza": "clm", "paths": [path]})
    assert command.argv[-1] == "archive/clm/17-2/00000002.history"


def test_a_moment_needs_the_log_on_to_what_was_stored_after_it() -> None:
    """What was committed at that moment lies there; and the end needs all there is."""
    at = datetime.fromtimestamp(NOON + 3 * 3600, UTC)
    late = stored("17-2", *(Segment(1, number) for number in range(60, 70)), step=1800)
    known = facts(late, at)
    choice = to_moment((FIRST,), at, Lines(1))
    assert known.until(choice) == Segment(1, 67).name
    assert known.until(to_end((FIRST,), Lines(1))) == Segment(1, 69).name


def test_the_way_leads_over_the_fork() -> None:
    """From the timeline of the base point onto that which was followed."""
    known = facts(TWO, l2="1\t0/40000028\tby hand\n")
    choice = to_end((FIRST,), Lines(known.live, known.histories, known.begun))
    assert known.until(choice) == Segment(2, 65).name
    assert known.history(choice) == ((1, "0/40000028"),)


def test_the_end_is_found_although_the_primary_is_gone() -> None:
    """Its own word would be timeline 0, to which no point leads."""
    known = facts(stored("17-2", Segment(1, 64)))
    with pytest.raises(InvalidInput):
        to_end((FIRST,), Lines(0))
    assert to_end((FIRST,), Lines(max(0, known.live))).base == FIRST


def test_the_timeline_that_was_followed_then_is_the_last_one_begun() -> None:
    """Restores at 5 h and 8 h with no point in between: 6 h was on the second line, though no point was made there."""
    lines = Lines(3, {2: (Fork(1, "0/40000028"),), 3: (Fork(1, "0/40000028"),)}, {2: hour(5), 3: hour(8)})
    found = {at: to_moment((FIRST,), hour(at), lines).target.timeline for at in (2, 6, 9)}
    assert found == {2: 1, 6: 2, 9: 3}


def test_the_gap_is_told_with_the_moment_until_which_the_log_is_whole() -> None:
    """Nothing has been touched then; a moment before it can still be had."""
    there = stored("17-2", Segment(1, 3), Segment(1, 5))
    with pytest.raises(WorkFailed, match=Segment(1, 4).name) as refused:
        Restorable().read(SPAN, [Completed(0, info()), Completed(0, json.dumps(there).encode())])
    assert hour(0).isoformat()[:16] in refused.value.hint


def test_a_timeline_without_its_history_can_not_be_followed() -> None:
    """PostgreSQL would say so after everything was replaced."""
    span = SPAN | {"until": Segment(2, 4).name, "history": [[1, "0/4000028"]]}
    there = stored("17-2", Segment(1, 3), Segment(2, 4))
    with pytest.raises(WorkFailed, match=r"00000002\.history"):
        Restorable().read(span, [Completed(0, info()), Completed(0, json.dumps(there).encode())])
    there["17-2/00000002.history"] = entry(NOON)
    assert Restorable().read(span, [Completed(0, info()), Completed(0, json.dumps(there).encode())]) == {"segments": 2}
    assert "00000002.history" in " ".join(Restorable().commands(span)[1].argv)


def test_a_snapshot_that_is_gone_is_told_before_anything_is_touched() -> None:
    """By path; the database would have been replaced by then."""
    with pytest.raises(WorkFailed, match="/opt/clm/a b"):
        FilesRestorable().read(FILES, [Completed(0, b"[]")])
