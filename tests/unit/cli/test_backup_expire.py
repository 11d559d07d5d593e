"""`clmdeploy backup expire` without hosts: what it says is what it drops, and a cut-off is gone on with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clmdeploy.backups.marks import Mark
from clmdeploy.backups.point import RestorePoint
from clmdeploy.changes.guarded import Guarded, Outcome
from tests.unit.backups.conftest import BEGIN, Made, make_point
from tests.unit.cli.desk import SETTINGS, Desk
from tests.unit.cli.test_documented import documented
from tests.unit.cli.vault import Vault, vault_of

NOW = ("-e", "lab", "--confirm", "lab")


class Killed(BaseException):
    """SIGKILL of the control node."""


@pytest.fixture
def vault(desk: Desk) -> Vault:
    return vault_of(desk)


@pytest.fixture
def points(desk: Desk, vault: Vault) -> list[RestorePoint]:
    """A full backup with an incremental one on it, and the same again, a day apart; the last was read back."""
    full = make_point(Made(BEGIN, segment=2))
    incr = make_point(Made(BEGIN + timedelta(days=1), "incr", (full,), segment=12))
    later = make_point(Made(BEGIN + timedelta(days=2), segment=22))
    last = make_point(Made(BEGIN + timedelta(days=3), "incr", (later,), segment=32))
    ours = [one.model_copy(update={"environment_id": SETTINGS["uuid"]}) for one in (full, incr, later, last)]
    vault.hold(ours)
    for one in ours:
        desk.runtime().points.publish(one)
    desk.runtime().marks.note([Mark(point=ours[3].id, at=ours[3].completed, verified=ours[3].completed)])
    return ours


def left(desk: Desk, points: list[RestorePoint]) -> list[int]:
    """Which points are still listed, by number."""
    ids = [one.id for one in points]
    return sorted(ids.index(one["id"]) for one in desk("backup", "list", "-e", "lab", "--json").json["points"])


def is_through(desk: Desk, vault: Vault, points: list[RestorePoint]) -> bool:
    """Whether all that was to go is gone, and nothing else."""
    found = desk("backup", "list", "-e", "lab", "--json").json
    return (
        left(desk, points) == [2, 3] and found["going"] == [] and found["faults"] == []
        and sorted(vault.backups) == sorted(one.database.label for one in points[2:])
        and len(vault.snapshots["app1"]) == 2 and vault.first_log == (points[2].database.wal or 0).start  # type: ignore[union-attr]
    )  # fmt: skip


def test_a_dry_run_tells_every_reason_and_does_nothing(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """A table with what stays and goes and why; the plan in JSON."""
    said = desk("backup", "expire", "-e", "lab", "--dry-run")
    assert (said.code, said.out.count("goes"), said.out.count("stays,")) == (0, 2, 1)
    for words in ("no rule keeps it", "number 1 of the last 1", "the newest that was read back whole", points[0].id):
        assert words in said.out
    told = desk("backup", "expire", "-e", "lab", "--dry-run", "--json").json
    assert [one["keep"] for one in told["points"]] == [True, True, False, False]
    assert [step["id"] for step in told["plan"]["steps"]] == [
        "begin", "files", "database", "listed", "log", "finish", "index",
    ]  # fmt: skip
    assert (told.keys(), left(desk, points), len(vault.backups)) == (documented("expiry/1"), [0, 1, 2, 3], 4)
    russian = desk("backup", "expire", "-e", "lab", "--dry-run", "--lang", "ru")
    assert "ни одно правило её не удерживает" in russian.out


def test_what_was_said_is_dropped_and_nothing_else(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """Backups newest first, stale locks before, log by the full backups that are left; a second run does nothing."""
    said = desk("backup", "expire", *NOW)
    assert said.code == 0
    assert is_through(desk, vault, points)
    acts = [line for line in vault.said if "expire" in line or "forget" in line or "unlock" in line]
    assert [next(word for word in line.split() if word in ("unlock", "forget", "expire")) for line in acts] == [
        "unlock", "forget", "expire", "expire", "expire",
    ]  # fmt: skip
    assert points[1].database.label in acts[2]
    assert "--repo1-retention-archive=1" in acts[4]
    again = desk("backup", "expire", *NOW, "--json")
    assert (again.code, again.json["state"]) == (0, "nothing-to-do")


def test_it_asks_since_there_is_no_way_back(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """--yes alone is not enough where nobody sits at a terminal: the environment's name is."""
    said = desk("backup", "expire", "-e", "lab", "--yes")
    assert (said.code, "--confirm lab" in said.err, left(desk, points), len(vault.backups)) == (
        2,
        True,
        [0, 1, 2, 3],
        4,
    )


STEPS = ("begin", "files", "database", "listed", "log", "finish", "index")


@pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["files", "database", "listed", "log"])
def test_killed_anywhere_it_goes_on(
    desk: Desk, vault: Vault, points: list[RestorePoint], step: str, happened: bool
) -> None:
    """Before an engine acted or after: `change resume` ends with exactly what was said."""

    def kill(act: Guarded) -> Outcome | None:
        if act.guard == "run" and f"-{step}-" in act.unit:
            vault.before = vault.verdict = lambda _act: None
            raise Killed
        return None

    if happened:
        vault.verdict = kill
    else:
        vault.before = kill
    with pytest.raises(Killed):
        desk("backup", "expire", *NOW)
    if step != "files":
        assert left(desk, points) == [2, 3]
    said = desk("change", "resume", "-e", "lab")
    assert (said.code, is_through(desk, vault, points)) == (0, True)


@pytest.mark.parametrize("suffix", ["standing", "removed", "points-index"])
@pytest.mark.parametrize("happened", [False, True], ids=["before", "after"])
def test_killed_at_any_write_it_goes_on(
    desk: Desk,
    vault: Vault,
    points: list[RestorePoint],
    suffix: str,
    happened: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first mark, the first point struck off, the index."""
    put = desk.state.put

    def killing(key: str, body: bytes, **conditions: object) -> str:
        if not key.endswith(suffix):
            return put(key, body, **conditions)  # type: ignore[arg-type]
        if happened:
            put(key, body, **conditions)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(desk.state, "put", killing)
    with pytest.raises(Killed):
        desk("backup", "expire", *NOW)
    monkeypatch.setattr(desk.state, "put", put)
    assert desk("change", "resume", "-e", "lab").code == 0
    assert is_through(desk, vault, points)


def test_before_the_first_drop_it_can_be_taken_back(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """The points are restore points again."""

    def kill(act: Guarded) -> Outcome | None:
        if act.guard == "run" and "-files-" in act.unit:
            vault.before = lambda _act: None
            raise Killed
        return None

    vault.before = kill
    with pytest.raises(Killed):
        desk("backup", "expire", *NOW)
    assert left(desk, points) == [2, 3]
    assert desk("change", "abort", "-e", "lab").code == 0
    assert (left(desk, points), len(vault.backups)) == ([0, 1, 2, 3], 4)


def test_after_it_there_is_only_one_way(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """Abort refuses, and names resume."""

    def kill(act: Guarded) -> Outcome | None:
        if act.guard == "run" and "-database-" in act.unit:
            vault.before = lambda _act: None
            raise Killed
        return None

    vault.before = kill
    with pytest.raises(Killed):
        desk("backup", "expire", *NOW)
    said = desk("change", "abort", "-e", "lab")
    assert (said.code, "change resume" in said.err) == (4, True)
    assert desk("change", "resume", "-e", "lab").code == 0
    assert is_through(desk, vault, points)


def cut_off(desk: Desk, vault: Vault, step: str) -> None:
    """An expiry whose control node goes when it has `step` before it."""

    def kill(act: Guarded) -> Outcome | None:
        if act.guard == "run" and f"-{step}-" in act.unit:
            vault.before = lambda _act: None
            raise Killed
        return None

    vault.before = kill
    with pytest.raises(Killed):
        desk("backup", "expire", *NOW)


def made_upon(desk: Desk, vault: Vault, points: list[RestorePoint]) -> RestorePoint:
    """A point that a deploy has made meanwhile, upon backups that are to go."""
    made = make_point(Made(BEGIN + timedelta(days=4), "incr", tuple(points[:2]), segment=42))
    made = made.model_copy(update={"environment_id": SETTINGS["uuid"]})
    vault.hold([made])
    desk.runtime().points.publish(made)
    return made


def test_gone_on_with_it_looks_anew(desk: Desk, vault: Vault, points: list[RestorePoint]) -> None:
    """What a point that was made meanwhile stands on stays; while nothing has gone, all is taken back."""
    cut_off(desk, vault, "files")
    made = made_upon(desk, vault, points)
    said = desk("change", "resume", "-e", "lab")
    assert (said.code, "change abort" in said.err + said.out) == (4, True)
    assert (len(vault.backups), len(vault.snapshots["app1"])) == (5, 5)
    assert desk("change", "abort", "-e", "lab").code == 0
    assert desk("backup", "expire", *NOW).code == 0
    assert {one.database.label for one in (*points[:2], made)} <= vault.backups.keys()


def test_past_the_first_drop_it_ends_without_what_is_needed_by_now(
    desk: Desk, vault: Vault, points: list[RestorePoint]
) -> None:
    """No decision is left to anybody: the rest stays marked, and a later expiry weighs it."""
    cut_off(desk, vault, "database")
    made = made_upon(desk, vault, points)
    said = desk("change", "resume", "-e", "lab", "--json")
    assert (said.code, said.json["state"], said.json["dropped"]) == (5, "done", ["clm"])
    assert {one.database.label for one in (*points, made)} == {*vault.backups}
    assert desk("backup", "list", "-e", "lab", "--json").json["going"] == [points[1].id, points[0].id]
    assert desk("backup", "expire", *NOW).code == 0
    assert {one.database.label for one in (*points[:2], made)} <= vault.backups.keys()


def test_a_backup_that_came_in_the_last_moment_is_not_dropped_with_its_base(
    desk: Desk, vault: Vault, points: list[RestorePoint]
) -> None:
    """pgBackRest would take it without a word; so the host is asked right before, and nothing goes there."""

    def arm(act: Guarded) -> Outcome | None:
        if act.guard == "run" and "-files-" in act.unit:
            vault.backups["20270101-010203F_20270102-010203I"] = {
                "type": "incr", "reference": [points[0].database.label], "wal": "0" * 24, "point": "",
            }  # fmt: skip
        return None

    vault.before = arm
    said = desk("backup", "expire", *NOW, "--json")
    assert (said.code, said.json["dropped"], len(vault.backups)) == (5, ["clm"], 5)
    assert "stands on" in str(said.json["failures"])


@pytest.mark.parametrize("fault", ["broken", "stuck"])
@pytest.mark.parametrize("repository", ["app1", "clm"])
def test_a_repository_that_drops_nothing_holds_up_no_other(
    desk: Desk, vault: Vault, points: list[RestorePoint], fault: str, repository: str
) -> None:
    """Even where its engine exits with 0. The points stay marked, no backup has to wait, the next expiry ends it."""

    def arm(act: Guarded) -> Outcome | None:
        if act.guard == "run":
            getattr(vault, fault).add(repository)
        return None

    vault.before = arm
    said = desk("backup", "expire", *NOW, "--json")
    assert (said.code, said.json["state"], said.json["dropped"]) == (5, "done", [repository])
    assert said.json["next"] == "clmdeploy backup expire -e lab"
    assert desk("backup", "list", "-e", "lab", "--json").json["going"] == [points[0].id, points[1].id][::-1]
    vault.before, vault.broken, vault.stuck = lambda _act: None, set(), set()
    again = desk("backup", "expire", *NOW)
    assert (again.code, is_through(desk, vault, points)) == (0, True)


def test_pinned_between_the_look_and_the_lease_it_stays(
    desk: Desk, vault: Vault, points: list[RestorePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is looked at once more when nobody else can act; what has changed is shown first."""
    from clmdeploy.cli import confirmation

    monkeypatch.setattr(
        confirmation, "_dangers", lambda *_: desk("backup", "pin", points[0].id, "-e", "lab", "--reason", "x") and []
    )
    said = desk("backup", "expire", "-e", "lab", "--yes")
    assert (said.code, left(desk, points), len(vault.backups)) == (4, [0, 1, 2, 3], 4)


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        ("a damaged manifest", 10, "not known for sure"), ("a listing that can't be had", 10, "can't be read"),
        ("nobody answers", 10, "no host tells"), ("a backup by hand", 4, "a backup or restore runs"),
        ("nothing verified", 4, "read back whole"), ("the lease is held", 6, "holds the data lease"),
    ],
)  # fmt: skip
def test_nothing_goes_while_anything_is_not_sure(
    desk: Desk, vault: Vault, points: list[RestorePoint], trouble: str, code: int, words: str
) -> None:
    """Each trouble alone stops it, and is told."""
    match trouble:
        case "a damaged manifest":
            desk.state.put(f"lab/points/{points[1].id}.json", b"rubbish")
        case "a listing that can't be had":
            vault.broken.add("clm")
        case "nobody answers":
            vault.silent.update(("app1", "app2", "app3", "worker1"))
        case "a backup by hand":
            vault.locked = True
        case "nothing verified":
            desk.runtime().marks.forget([points[3].id])
        case "the lease is held":
            desk("lease", "hold", "-e", "lab", "--scope", "data", "--reason", "drill")
    said = desk("backup", "expire", *NOW)
    assert (said.code, len(vault.backups)) == (code, 4)
    assert words in said.err + said.out


def test_nothing_to_do_is_no_failure(desk: Desk, vault: Vault) -> None:
    """Not even where there is no point at all, or one that nobody has read back."""
    assert desk("backup", "expire", *NOW).code == 0
    point = make_point().model_copy(update={"environment_id": SETTINGS["uuid"]})
    desk.runtime().points.publish(point)
    vault.hold([point])
    assert desk("backup", "expire", *NOW).code == 0


def test_an_environment_without_backups_is_told_so(desk: Desk) -> None:
    """With the section that is missing."""
    said = desk("backup", "expire", "-e", "lab", "--dry-run")
    assert (said.code, "backup" in said.err) == (2, True)
