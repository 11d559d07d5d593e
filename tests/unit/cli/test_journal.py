"""`clmdeploy journal`: all that was done, and the proof that nobody edited it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from itertools import pairwise

import click
import pytest

from clmdeploy.cli.journal import moment_of
from clmdeploy.model.errors import ExitCode
from clmdeploy.model.value import sha256_hex
from tests.unit.cli.desk import Desk
from tests.unit.cli.test_documented import documented

NOW = datetime(2026, 7, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def worked(desk: Desk) -> Desk:
    """A deploy and a rollback stand in the journal."""
    desk("deploy", "1.1.0", "-e", "lab", "--yes")
    desk("rollback", "-e", "lab", "--yes")
    return desk


def test_show_tells_every_event(worked: Desk) -> None:
    """In the order in which they happened, each named by its digest in the next one."""
    events = worked("journal", "show", "-e", "lab", "--json").json["events"]
    assert [events[0]["kind"], events[-1]["kind"]] == ["opened", "closed"]
    assert all(after["previous"] == before["digest"] for before, after in pairwise(events))
    shown = worked("journal", "show", "-e", "lab").out
    assert shown.count("opened") == shown.count("closed") == 2


def test_show_can_be_narrowed(worked: Desk) -> None:
    """To one change, or to what is not older than a moment."""
    newest = worked.newest()
    events = worked("journal", "show", "-e", "lab", "--change", newest, "--json").json["events"]
    assert {event["change"] for event in events} == {newest}
    assert worked("journal", "show", "-e", "lab", "--since", "2999-01-01", "--json").json["events"] == []
    assert len(worked("journal", "show", "-e", "lab", "--since", "7d", "--json").json["events"]) > len(events)


@pytest.mark.parametrize(
    ("since", "moment"),
    [
        ("2h", datetime(2026, 7, 10, 10, tzinfo=UTC)),
        ("7d", datetime(2026, 7, 3, 12, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 21, tzinfo=UTC)),
        ("2026-07-01T21:30", datetime(2026, 7, 1, 18, 30, tzinfo=UTC)),
        ("2026-07-01T21:30+00:00", datetime(2026, 7, 1, 21, 30, tzinfo=UTC)),
    ],
)
def test_since_is_meant_in_the_environments_zone(since: str, moment: datetime) -> None:
    """A time ago, a day, or a moment; Moscow time unless it names another zone."""
    assert moment_of(since, "Europe/Moscow", NOW) == moment


@pytest.mark.parametrize("since", ["yesterday", "", "h", "-2h", "999999d", "2026-13-01"])
def test_since_that_means_nothing_is_refused(since: str) -> None:
    """Never read as something else."""
    with pytest.raises(click.BadParameter):
        moment_of(since, "Europe/Moscow", NOW)


def test_verify_passes_on_what_nobody_touched(worked: Desk) -> None:
    """Exit code 0 and the number of events."""
    said = worked("journal", "verify", "-e", "lab", "--json")
    assert (said.code, said.json["good"]) == (ExitCode.DONE, True)
    assert said.json["events"] == len(worked("journal", "show", "-e", "lab", "--json").json["events"])


@pytest.mark.parametrize("number", [0, 3, -1])
def test_verify_finds_any_edit(worked: Desk, number: int) -> None:
    """Exit code 10, whichever event was edited."""
    key = [key for key in worked.state.keys("lab/changes/") if "/events/" in key][number]
    worked.state.put(key, worked.state.get(key).body.replace(b"admin@lab", b"other@lab"))
    said = worked("journal", "verify", "-e", "lab")
    assert said.code == ExitCode.VERIFICATION_FAILED
    assert said.out == ""


def test_export_is_every_event_as_stored(worked: Desk) -> None:
    """In the chain's order, byte for byte, each with its digest and key; the signed head is the last line."""
    said = worked("journal", "export", "-e", "lab")
    *lines, head = said.out.splitlines()
    known = worked("journal", "show", "-e", "lab", "--json").json["events"]
    assert [json.loads(line)["digest"] for line in lines] == [event["digest"] for event in known]
    for line in lines:
        found = json.loads(line)
        stored = worked.state.get(found["key"]).body
        assert line == f'{{"digest":"{sha256_hex(stored)}","key":"{found["key"]}","event":{stored.decode()}}}'
    assert json.loads(head) == {"key": "lab/journal/head", **json.loads(worked.state.get("lab/journal/head").body)}


def test_export_can_be_narrowed(worked: Desk) -> None:
    """To one change, or to what is not older than a moment; an ID that nobody knows is refused."""
    newest = worked.newest()
    assert {
        line["event"]["change"] for line in worked("journal", "export", "-e", "lab", "--change", newest).lines[:-1]
    } == {newest}
    assert len(worked("journal", "export", "-e", "lab", "--since", "2999-01-01").lines) == 1
    assert worked("journal", "export", "-e", "lab", "--change", "no-such").code == ExitCode.USAGE


def test_export_writes_a_file(worked: Desk) -> None:
    """Whole, readable by its owner only, and the same as on stdout."""
    out = worked.place / "journal.jsonl"
    said = worked("journal", "export", "-e", "lab", "--out", str(out), "--json").json
    assert said.keys() == documented("journal-export/1")
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_text() == worked("journal", "export", "-e", "lab").out
    assert said["events"] == len(out.read_text().splitlines()) - 1


def test_export_stops_at_what_does_not_fit(worked: Desk) -> None:
    """Exit code 10, what is wrong is named, and no file appears."""
    key = _edited(worked, 3)
    out = worked.place / "journal.jsonl"
    said = worked("journal", "export", "-e", "lab", "--out", str(out))
    assert (said.code, said.out, out.exists()) == (ExitCode.VERIFICATION_FAILED, "", False)
    assert f"journal event {key} was edited" in said.err


def test_export_can_go_on_and_marks_what_does_not_fit(worked: Desk) -> None:
    """Everything that is stored is there, also what can't be read; the fault stands in its line."""
    _edited(worked, 3)
    broken = [key for key in worked.state.keys("lab/changes/") if "/events/" in key][-1]
    worked.state.put(broken, b"not an event\n")
    said = worked("journal", "export", "-e", "lab", "--unverified")
    assert said.code == ExitCode.DONE
    faults = [line["fault"] for line in said.lines if "fault" in line]
    assert "was edited" in faults[0]
    assert base64.b64decode(next(line for line in said.lines if line["key"] == broken)["stored"]) == b"not an event\n"
    assert faults[0] in said.err


@pytest.mark.parametrize(("stored", "fault"), [(b"[]", "not a journal head"), (None, "no signed head")])
def test_export_marks_a_head_that_can_not_be_believed(worked: Desk, stored: bytes | None, fault: str) -> None:
    """Without `--unverified` that is refused, too."""
    del worked.state._objects["lab/journal/head"]
    if stored:
        worked.state.put("lab/journal/head", stored)
    assert worked("journal", "export", "-e", "lab").code == ExitCode.VERIFICATION_FAILED
    last = worked("journal", "export", "-e", "lab", "--unverified").lines[-1]
    assert fault in last["fault"]
    assert (last["head"], last["signature"]) == (None, None)


def _edited(worked: Desk, number: int) -> str:
    """Edit one event; its name."""
    key = [key for key in worked.state.keys("lab/changes/") if "/events/" in key][number]
    worked.state.put(key, worked.state.get(key).body.replace(b"admin@lab", b"other@lab"))
    return key.removeprefix("lab/changes/").replace("/events/", "/")
