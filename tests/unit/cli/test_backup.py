"""`clmdeploy backup list|show|pin|unpin` without hosts: restore points in a bucket in memory."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from clmdeploy.backups.marks import Mark
from clmdeploy.backups.point import RestorePoint
from tests.unit.backups.conftest import BEGIN, Made, make_point
from tests.unit.cli.desk import SETTINGS, Desk
from tests.unit.cli.test_documented import documented


@pytest.fixture
def points(desk: Desk) -> list[RestorePoint]:
    """A full backup, an incremental one on it, and another full one; a day apart, oldest first."""
    full = make_point(Made(BEGIN, segment=2))
    incr = make_point(Made(BEGIN + timedelta(days=1), "incr", (full,), segment=12))
    made = [full, incr, make_point(Made(BEGIN + timedelta(days=2), segment=22))]
    ours = [one.model_copy(update={"environment_id": SETTINGS["uuid"]}) for one in made]
    for one in ours:
        desk.runtime().points.publish(one)
    return ours


def rows(text: str) -> list[str]:
    """Lines of a table that begin with a point's ID."""
    return [line for line in text.splitlines() if re.match(r"\d{8}-\d{9}-", line)]


def test_the_list_tells_the_newest_first(desk: Desk, points: list[RestorePoint]) -> None:
    """With age, size, type, release, LSN, whether it is pinned, and when it was read back."""
    at = points[0].completed + timedelta(days=30)
    desk.runtime().marks.note(
        [Mark(point=points[0].id, at=at, verified=at), Mark(point=points[1].id, at=at, faults=("a pack is damaged",))]
    )
    desk("backup", "pin", points[0].id, "-e", "lab", "--reason", "audit", "--standalone")
    said = desk("backup", "list", "-e", "lab")
    told = rows(said.out)
    assert (said.code, [line.split()[0] for line in told]) == (0, [one.id for one in reversed(points)])
    assert all(word in told[2] for word in ("full", "2 GiB", "1.2.0-0123abcd", "0/3000050", "standalone", "2026-02-04"))
    assert ("incr" in told[1], "DAMAGED" in told[1], "never" in told[0]) == (True, True, True)
    newest = desk("backup", "list", "-e", "lab", "--json").json["points"][0]
    assert (newest["id"], newest["lsn"], newest["pinned"], newest["verified"]) == (
        points[2].id,
        "0/17000050",
        None,
        None,
    )


def test_no_points_is_no_failure(desk: Desk) -> None:
    """It says how to make one, in the reader's language."""
    said = desk("backup", "list", "-e", "lab", "--lang", "ru")
    assert (said.code, "clmdeploy backup create" in said.out, "ещё нет" in said.out) == (0, True, True)


def test_what_can_not_be_believed_is_told_and_hides_nothing(desk: Desk, points: list[RestorePoint]) -> None:
    """Exit code 10 for whoever does not read; the others are listed, and can be shown and pinned."""
    desk.state.put(f"lab/points/{points[1].id}.json", b"rubbish")
    said = desk("backup", "list", "-e", "lab")
    assert (said.code, len(rows(said.out)), points[1].id in said.err) == (10, 2, True)
    assert desk("backup", "show", "latest", "-e", "lab").code == 0


@pytest.mark.usefixtures("points")
def test_marks_that_can_not_be_believed_verify_nothing(desk: Desk) -> None:
    """The points are listed as never read back."""
    desk.state.put("lab/verification/marks", b"{}")
    said = desk("backup", "list", "-e", "lab", "--json")
    assert (said.code, len(said.json["points"]), len(said.json["faults"])) == (10, 3, 1)


@pytest.mark.parametrize(("text", "number"), [("latest", 2), ("20260105", 0), ("20260106-0102", 1)])
def test_a_point_is_named_in_few_letters(desk: Desk, points: list[RestorePoint], text: str, number: int) -> None:
    """`latest`, or the beginning of one ID alone."""
    assert desk("backup", "show", text, "-e", "lab", "--json").json["point"]["id"] == points[number].id


@pytest.mark.usefixtures("points")
@pytest.mark.parametrize(("text", "hint"), [("2026010", "20260105"), ("2025", "20260107"), ("", "20260107")])
def test_a_name_that_fits_none_or_several_is_refused(desk: Desk, text: str, hint: str) -> None:
    """With those that there are."""
    said = desk("backup", "show", text, "-e", "lab", "--json")
    assert (said.code, hint in said.json["error"]["hint"]) == (3, True)


def test_show_tells_what_stands_on_what(desk: Desk, points: list[RestorePoint]) -> None:
    """And the command that restores it."""
    full, incr = (desk("backup", "show", one.id, "-e", "lab", "--json").json for one in points[:2])
    assert (full["stands_on"], full["stand_on_it"]) == ([], [points[1].id])
    assert (incr["stands_on"], incr["stand_on_it"]) == ([points[0].id], [])
    assert incr["restore"] == f"clmdeploy restore {points[1].id} -e lab"
    said = desk("backup", "show", points[1].id, "-e", "lab")
    for words in (points[0].id, incr["restore"], "clm-20260106", "/srv/clm", "admin@lab", "nightly"):
        assert words in said.out
    assert "WAL 00000001000000000000000C - 00000001000000000000000D\n" in said.out.replace(" \n", "\n").replace(
        "  ", ""
    )
    assert "\\n" not in said.out


@pytest.mark.usefixtures("points")
def test_pins_are_set_told_and_taken_away(desk: Desk) -> None:
    """With who wanted it and why; unpinning what is not pinned does nothing."""
    said = desk("backup", "pin", "latest", "-e", "lab", "--reason", "audit 2026", "--json").json
    assert (said["changed"], said["standing"]["mode"], said["standing"]["by"]) == (True, "pitr", "admin@lab")
    assert "audit 2026" in desk("backup", "show", "latest", "-e", "lab").out
    assert "no more" in desk("backup", "unpin", "latest", "-e", "lab").out
    again = desk("backup", "unpin", "latest", "-e", "lab")
    assert (again.code, "is not pinned" in again.out) == (0, True)


@pytest.mark.usefixtures("points")
def test_a_pin_wants_a_reason(desk: Desk) -> None:
    """Whoever reads the next expire wants to know why it stays."""
    assert desk("backup", "pin", "latest", "-e", "lab").code == 2


@pytest.mark.usefixtures("points")
def test_json_has_the_documented_keys(desk: Desk) -> None:
    """No key is missing from the page, none from the output."""
    for section, words in (
        ("points/1", ("list",)), ("point/1", ("show", "latest")),
        ("point-standing/1", ("pin", "latest", "--reason", "audit")),
    ):  # fmt: skip
        said = desk("backup", *words, "-e", "lab", "--json").json
        assert (said.keys(), said["format"]) == (documented(section), section)
    listed = desk("backup", "list", "-e", "lab", "--json").json["points"][0]
    assert listed.keys() == documented("points/1.points")
