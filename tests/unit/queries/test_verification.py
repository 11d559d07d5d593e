"""What a verification reads, what it finds, and which points it names: on a backup host in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.backups.parts import Part
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.sealed import seal
from clmdeploy.backups.wal import Segment
from clmdeploy.model.errors import NothingChanged, VerificationFailed
from clmdeploy.queries.part_work import Terms
from clmdeploy.queries.verdicts import marks_of
from clmdeploy.queries.verification import Tools, Verification
from clmdeploy.queries.verification_report import Report
from clmdeploy.queries.verification_scope import Scope
from tests.unit.backups.conftest import BEGIN, Made, Seal, make_point
from tests.unit.queries import backup_host
from tests.unit.queries.backup_host import LAYOUT, BackupHost, ledgers, pack_of, put_segment

FULL = make_point(Made(BEGIN, segment=2))
INCR = make_point(Made(BEGIN + timedelta(days=1), "incr", (FULL,), segment=5, files=2))
OTHER = make_point(Made(BEGIN + timedelta(days=2), segment=8))
POINTS = (FULL, INCR, OTHER)
NAMES = {FULL.id: "full", INCR.id: "incr", OTHER.id: "other"}
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@dataclass
class Desk:
    """A backup host, the state bucket, a clock that stands; and what was told."""

    host: BackupHost = field(default_factory=lambda: BackupHost(*POINTS))
    state: MemoryStore = field(default_factory=MemoryStore)
    time: datetime = NOW
    stop_after: int = 10**9
    totals: tuple[int, int, int] = (0, 0, 0)
    faults: dict[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nobody waits {seconds} s")

    def begun(self, objects: int, size: int, known: int) -> None:
        self.totals = (objects, size, known)

    def read(self, objects: int, size: int) -> None:
        """Nothing to remember."""

    def found(self, key: str, cause: str) -> None:
        self.faults[key] = cause

    def verify(self, *chosen: RestorePoint, anew: bool = False, standalone: frozenset[str] = frozenset()) -> Report:
        terms = Terms(ledgers(self.state), LAYOUT, self.time, timedelta(days=30), anew)
        tools = Tools(self.host.objects(), self.host.engines(), terms, self, self, lambda: None, self._stop)
        self.host.read.clear()
        return Verification(tools, Scope(LAYOUT, self.host.points, chosen or None, standalone)).run()

    def _stop(self) -> str:
        return "stopped" if len(self.host.read) >= self.stop_after else ""


@pytest.fixture
def desk() -> Desk:
    return Desk()


def spoiled(report: Report) -> list[str]:
    return [NAMES[name] for name in report.spoiled]


def backup_key(point: RestorePoint, file: str = "bundle/1") -> str:
    return LAYOUT.backup_key(point.database.label, file)


def segment_key(desk: Desk, number: int) -> str:
    name = Segment(1, number).name
    return next(key for key in desk.host.bucket if f"/{name}-" in key)


def test_everything_is_read_once(desk: Desk) -> None:
    """Each object but locks; all points are whole. A second run reads nothing; a new object alone is read then."""
    report = desk.verify()
    assert (report.is_sound, report.troubles, report.gaps) == (True, (), ())
    assert sorted(desk.host.read) == sorted(key for key in desk.host.bucket if "/locks/" not in key)
    assert report.bytes == sum(len(body) for key, body in desk.host.bucket.items() if "/locks/" not in key)
    assert report.verified == dict.fromkeys(NAMES, NOW)
    assert desk.verify().objects == 0
    assert desk.totals[0] == 0
    new = put_segment(desk.host.bucket, Segment(1, 10).name)
    assert (desk.verify().objects, desk.host.read) == (1, [new])


def flip(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def cut(body: bytes) -> bytes:
    return body[:-3]


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("harm", [flip, cut, None])
@pytest.mark.parametrize(
    ("which", "points"),
    [
        (lambda _desk: backup_key(FULL), ["full", "incr"]),
        (lambda _desk: backup_key(FULL, "bundle/2"), ["full", "incr"]),
        (lambda _desk: backup_key(INCR), ["incr"]),
        (lambda _desk: backup_key(OTHER), ["other"]),
        (lambda _desk: backup_key(OTHER, "backup.manifest"), []),
        (lambda _desk: backup_key(OTHER, "backup.manifest.copy"), []),
        (lambda _desk: LAYOUT.info_keys()[0][0], []),
        (lambda _desk: LAYOUT.info_keys()[1][1], []),
        (lambda desk: segment_key(desk, 5), ["incr"]),
        (lambda desk: segment_key(desk, 3), ["full"]),
        (lambda desk: segment_key(desk, 7), []),
        (lambda _desk: f"restic/app2/snapshots/{INCR.files[1].snapshot}", ["incr"]),
        (lambda _desk: f"restic/app1/snapshots/{OTHER.files[0].snapshot}", ["other"]),
    ],
)
def test_harm_is_found_and_named(desk: Desk, which: Any, points: list[str], harm: Any, seen: bool) -> None:
    """A flipped byte, a truncated and a missing object: each is named, whether it was seen well before or not.

    With the points that it spoils and no others: a second copy of a manifest serves in its place.
    """
    if seen:
        assert desk.verify().is_sound
    key = which(desk)
    body = desk.host.bucket.pop(key)
    if harm is not None:
        desk.host.bucket[key] = harm(body)
    report = desk.verify()
    assert not report.is_sound
    assert spoiled(report) == points
    of_log = "/archive/" in key and harm is None and not key.endswith((".info", ".copy"))
    assert [one.key for one in report.troubles] == ([] if of_log else [key])
    assert all(name in report.verified for name in NAMES if NAMES[name] not in points)
    assert not desk.verify().is_sound, "it stays named until it is mended"
    desk.host.bucket[key] = body
    assert desk.verify().is_sound


def test_both_copies_gone_is_the_end_of_a_backup(desk: Desk) -> None:
    """Of those that stand on it too; without backup.info, of all."""
    for copy in ("", ".copy"):
        del desk.host.bucket[backup_key(FULL, f"backup.manifest{copy}")]
    assert spoiled(desk.verify()) == ["full", "incr"]
    for key in LAYOUT.info_keys()[0]:
        desk.host.bucket[key] = flip(desk.host.bucket[key])
    assert spoiled(desk.verify()) == ["full", "incr", "other"]


def test_a_backup_that_is_gone_with_everything_is_missed(desk: Desk) -> None:
    """Also when nobody has ever read it, and no engine knows it any more."""
    label = OTHER.database.label
    for key in [one for one in desk.host.bucket if f"/{label}/" in one]:
        del desk.host.bucket[key]
    assert spoiled(desk.verify()) == ["other"]


def test_a_gap_in_the_log_between_points_is_told(desk: Desk) -> None:
    """It spoils none of them, but moments behind it are lost; log older than the points may be gone."""
    for number in range(10, 30):
        put_segment(desk.host.bucket, Segment(1, number).name)
    for number in (12, 13, 27):
        del desk.host.bucket[segment_key(desk, number)]
    put_segment(desk.host.bucket, Segment(1, 0).name)
    report = desk.verify()
    assert (spoiled(report), len(report.gaps)) == ([], 1)
    assert "00C" in report.gaps[0]
    assert "(2)" in report.gaps[0]
    assert not report.is_sound


@pytest.mark.parametrize(("uses", "names"), [([INCR.files[0].snapshot], ["incr"]), ([], ["full", "incr", "other"])])
def test_a_broken_pack_spoils_the_snapshots_that_need_it(desk: Desk, uses: list[str], names: list[str]) -> None:
    """As restic tells; where it can't tell, all of that repository."""
    key = pack_of(INCR, "app1")
    desk.host.bucket[key] = flip(desk.host.bucket[key])
    desk.host.uses_of_packs[key.rsplit("/", 1)[-1]] = uses
    assert spoiled(desk.verify()) == names


def test_structure_is_restics_own_word(desk: Desk) -> None:
    """A pack that nobody has read may be missing: only the index knows it. Asked once, until something changes."""
    desk.host.structure_errors = ["a" * 64]
    report = desk.verify()
    assert spoiled(report) == ["full", "incr", "other"]
    desk.host.structure_errors = []
    assert desk.verify().is_sound
    desk.host.structure_errors = ["a" * 64]
    assert desk.verify().is_sound


def test_what_prune_wrote_anew_is_not_missed(desk: Desk) -> None:
    """Packs come and go; restic's own check says whether what is there fits together."""
    desk.verify()
    del desk.host.bucket[pack_of(OTHER, "app1")]
    assert desk.verify().is_sound


def test_only_one_point_can_be_asked_for(desk: Desk) -> None:
    """Then only what it needs is read, the backups that it stands on included; only on it a verdict is given."""
    report = desk.verify(INCR)
    assert list(report.verified) == [INCR.id]
    assert report.verified[INCR.id] == NOW
    assert not any(OTHER.database.label in key for key in desk.host.read)
    assert any(FULL.database.label in key for key in desk.host.read)


def test_a_run_that_is_stopped_goes_on_where_it_ended(desk: Desk) -> None:
    """What was read is not read again; no point is called whole before all of it was."""
    desk.host.at_once = desk.stop_after = 5
    report = desk.verify()
    assert (report.objects, report.stopped, bool(report.left)) == (5, "stopped", True)
    assert marks_of(report, NOW) == []
    read = list(desk.host.read)
    desk.stop_after = 10**9
    report = desk.verify()
    assert report.is_sound
    assert not set(read) & set(desk.host.read)
    assert {one.point for one in marks_of(report, NOW)} == set(NAMES)


def test_a_silent_storage_is_no_damage(desk: Desk) -> None:
    """The run ends with a refusal; what was read before is kept."""
    desk.host.trouble_after = 6
    with pytest.raises(NothingChanged, match="fell silent"):
        desk.verify()
    desk.host.trouble_after = None
    read = list(desk.host.read)
    assert desk.verify().is_sound
    assert not set(read) & set(desk.host.read)


def test_old_readings_are_repeated(desk: Desk) -> None:
    """After the days that clm.yml names; with `--all` at once."""
    whole = desk.verify().objects
    desk.time = NOW + timedelta(days=29)
    assert desk.verify().objects == 0
    assert desk.verify(anew=True).objects == whole
    desk.time += timedelta(days=30)
    assert desk.verify().objects == whole


def test_a_ledger_that_nobody_signed_is_refused(desk: Desk) -> None:
    """Whoever can write to the bucket could call damage sound; `--all` reads everything and writes it anew."""
    desk.verify()
    part = Part("backup", "clm", FULL.database.label)
    kept = ledgers(desk.state).read(part)
    key = f"lab/verification/ledger/{part}"
    desk.state.put(key, seal(kept.ledger, Seal("mallory"), Seal("mallory", ("mallory",)))[0])
    with pytest.raises(VerificationFailed, match="not to be believed"):
        desk.verify()
    assert desk.verify(anew=True).is_sound
    assert desk.verify().is_sound


def test_pages_that_were_damaged_before_they_were_stored_spoil_a_point(desk: Desk, monkeypatch: Any) -> None:
    """pgBackRest calls such a backup a success."""
    from tests.unit.queries import backup_host

    told = backup_host._told
    monkeypatch.setattr(backup_host, "_told", lambda point: {**told(point), "error": point is INCR})
    assert spoiled(desk.verify()) == ["incr"]


def test_what_a_killed_backup_left_is_no_matter(desk: Desk) -> None:
    """No engine lists it, no point needs it."""
    desk.host.bucket[LAYOUT.backup_key("20260301-010203F", "bundle/1")] = b"half"
    assert desk.verify().is_sound
    assert not any("20260301" in key for key in desk.host.read)


def test_a_second_run_costs_no_engine(desk: Desk) -> None:
    """One listing, one word of pgBackRest: no manifest is fetched where nothing is due."""
    desk.verify()
    desk.host.asked.clear()
    desk.verify()
    assert desk.host.asked.count("output") == 1
    assert "reading" not in desk.host.asked


def on_timeline(point: RestorePoint, timeline: int) -> RestorePoint:
    """The same, of a database that was restored or promoted before."""
    told = point.model_dump(mode="json")
    wal, part = told["database"]["wal"], told["database"]
    part["timeline"] = timeline
    for name in ("start", "stop"):
        wal[name] = f"{timeline:08X}{wal[name][8:]}"
    return RestorePoint.model_validate(told)


@pytest.mark.parametrize("harm", ["gone", "never there"])
def test_a_history_that_is_gone_spoils_the_points_of_its_timeline(harm: str) -> None:
    """PostgreSQL knows no timeline without it: `recovery target timeline 2 does not exist`."""
    later = on_timeline(OTHER, 2)
    desk = Desk(BackupHost(FULL, later))
    for number in range(8, 12):
        put_segment(desk.host.bucket, Segment(2, number).name)
    key = "pgbackrest/archive/clm/17-1/00000002.history"
    if harm == "gone":
        desk.host.bucket[key] = b"1\t0/8000028\tno recovery target specified\n"
        assert desk.verify().is_sound
        del desk.host.bucket[key]
    report = desk.verify()
    assert (spoiled(report), list(report.verified)) == (["other"], [FULL.id])
    assert report.verified[FULL.id] is not None
    assert [(one.key, one.result, one.spoils) for one in report.troubles] == [(key, "missing", True)]


def test_a_history_that_no_point_needs_spoils_none(desk: Desk) -> None:
    """Of a timeline whose points have all expired."""
    key = "pgbackrest/archive/clm/17-1/00000002.history"
    desk.host.bucket[key] = b"1\t0/8000028\tno recovery target specified\n"
    assert desk.verify().is_sound
    desk.host.bucket[key] = b"1\t0/9000028\tno recovery target specified\n"
    report = desk.verify()
    assert [(one.key, one.spoils) for one in report.troubles] == [(key, False)]
    del desk.host.bucket[key]
    assert desk.verify().is_sound


def test_a_backup_that_is_listed_no_more_is_not_sound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older backup.info was put back: all its objects are whole, but pgBackRest can't restore it."""
    assert desk.verify().is_sound
    monkeypatch.setattr(backup_host, "stanza_of", lambda points, told=backup_host.stanza_of: told(points[1:]))
    report = desk.verify()
    assert sorted(spoiled(report)) == ["full", "incr"]
    (trouble,) = report.troubles
    assert trouble.key == f"pgbackrest/backup/clm/backup.info#{FULL.database.label}"
    assert FULL.id not in report.verified


def test_two_objects_for_one_segment_are_none(desk: Desk) -> None:
    """Each is what its name says, so both are sound to read; pgBackRest refuses the segment."""
    key = segment_key(desk, 5)
    folder, _, name = key.rpartition("/")
    body = b"another" * 1024
    desk.host.bucket[f"{folder}/{name[:24]}-{backup_host.sha1(body)}"] = body
    report = desk.verify()
    assert "incr" in spoiled(report)
    assert any("other content for this segment" in one.cause for one in report.troubles)
    assert spoiled(desk.verify(FULL)) == []
