"""Somebody is told: of every unattended change that did not end well, in any of the ways in which one can end."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.memory_notices import MemoryChannel, MemoryLookout, MemoryOutbox
from clmdeploy.changes.ports import ObjectStore
from clmdeploy.changes.turns import Request
from clmdeploy.cli import main
from clmdeploy.model.errors import ExitCode, StoreUnavailable
from clmdeploy.notices.courier import Courier
from clmdeploy.notices.notice import Notice
from clmdeploy.runtime import Runtime
from tests.unit.cli.desk import Desk, Terminal

NOTIFY = {"mail": {"host": "mail.example.com", "sender": "clm@example.com", "to": ["duty@example.com"]}}
DEPLOY = ("deploy", "1.1.0", "-e", "lab", "--yes")


@dataclass
class Told:
    """A desk whose environment names somebody to tell, and all that reached them."""

    desk: Desk
    channel: MemoryChannel = field(default_factory=MemoryChannel)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    lookouts: list[MemoryLookout] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk.settings = {**self.desk.settings, "notify": NOTIFY}
        made = self.desk.runtime

        def runtime() -> Runtime:
            runtime = made()
            courier = Courier([self.channel], self.outbox, self.desk.clock)
            vars(runtime).update(courier=courier, outbox=self.outbox, post_lookout=self.post_lookout)
            return runtime

        self.desk.runtime = runtime  # type: ignore[method-assign]

    def post_lookout(self) -> MemoryLookout:
        self.lookouts.append(MemoryLookout())
        return self.lookouts[-1]

    def when(self, when: str) -> None:
        self.desk.settings["notify"] = {**NOTIFY, "when": when}

    @property
    def only(self) -> Notice:
        """The one notice that came through."""
        (notice,) = self.channel.notices
        return notice


@pytest.fixture
def told(desk: Desk) -> Told:
    return Told(desk)


def test_a_failure_is_told_in_three_lines(told: Told) -> None:
    """What runs where now, is it safe, the exact next command; what failed; both languages; the exit code stays."""
    told.desk.fail("switch", "app2", "no answer on port 8080")
    assert told.desk(*DEPLOY, "--reason", "nightly").code == ExitCode.FAILED_UNCHANGED
    change, notice = told.desk.newest(), told.only
    assert (notice.occasion, notice.change, notice.reason) == ("failed", change, "nightly")
    english, russian = notice.words["en"], notice.words["ru"]
    assert english.verdict == "Failed. Everything has been taken back."
    assert "no answer on port 8080" in " ".join(english.causes)
    assert english.runs == "Runs now: 1.0.0 on worker1, app1, app2, app3."
    assert english.safe.startswith("Safe: yes.")
    assert english.next == f"Next: clmdeploy change show {change} -e lab"
    assert russian.verdict == "Сбой. Выполнен полный откат."
    assert russian.next == f"Дальше: clmdeploy change show {change} -e lab"


def test_what_was_told_stands_in_the_output(told: Told) -> None:
    """On stderr as a line, and in the ending of `--json` and `--events`."""
    told.desk.fail("switch", "app2")
    assert told.desk(*DEPLOY).err.splitlines()[-1] == "Told: duty@example.com."
    delivery = {"accepted": ["duty@example.com"], "refused": {}, "kept": {}, "fault": ""}
    assert told.desk(*DEPLOY, "--json").json["notified"] == delivery
    assert told.desk(*DEPLOY, "--events").lines[-1]["notified"] == delivery
    assert len(told.channel.notices) == 3


def test_what_goes_well_is_told_to_nobody(told: Told) -> None:
    """Done, nothing to do, a plan that was only shown, and a deliberate way back."""
    assert told.desk("deploy", "1.1.0", "-e", "lab", "--dry-run").code == ExitCode.DONE
    assert told.desk(*DEPLOY).code == ExitCode.DONE
    assert told.desk(*DEPLOY, "--json").json["notified"] is None
    assert told.desk("rollback", "-e", "lab", "--yes").code == ExitCode.DONE
    assert told.channel.notices == []
    assert all(lookout.dismissed for lookout in told.lookouts)


def test_an_abort_that_was_wanted_is_told_to_nobody(told: Told) -> None:
    """The stop before it was told; taking it back, when that works, is what somebody asked for."""
    before = told.desk.hosts.before
    told.desk.fail("switch", "app2")
    assert told.desk(*DEPLOY, "--on-failure", "stop").code == ExitCode.FAILED_PARTLY
    assert told.only.ending["state"] == "stopped"
    told.desk.hosts.before = before
    assert told.desk("change", "abort", "-e", "lab").code == ExitCode.DONE
    assert len(told.channel.notices) == 1


def hold_lease(told: Told) -> None:
    runtime = told.desk.runtime()
    runtime.leases.hold(Request("fleet", runtime.who, "", "nightly work"))


def nothing(_told: Told) -> None:
    """Nothing is in the way."""


@pytest.mark.parametrize(
    ("prepare", "words", "code", "following"),
    [
        (hold_lease, DEPLOY, ExitCode.LEASE_HELD, "clmdeploy deploy 1.1.0 -e lab"),
        (nothing, ("deploy", "9.9.9", "-e", "lab", "--yes"), ExitCode.INVALID, "clmdeploy deploy 9.9.9 -e lab"),
        (nothing, ("deploy", "1.1.0", "-e", "lab"), ExitCode.USAGE, "clmdeploy deploy 1.1.0 -e lab"),
        (nothing, ("rollback", "-e", "lab", "--yes"), ExitCode.FAILED_UNCHANGED, "clmdeploy rollback -e lab"),
        (nothing, ("change", "apply", "plan", "-e", "lab", "--yes"), ExitCode.INVALID,
         "clmdeploy change apply plan -e lab"),
        (lambda told: told.desk.hosts.silent.add("app2"), DEPLOY, ExitCode.FAILED_UNCHANGED,
         "clmdeploy deploy 1.1.0 -e lab"),
    ],
)  # fmt: skip
def test_what_was_not_even_begun_is_told_as_missed(
    told: Told, prepare: Callable[[Told], Any], words: tuple[str, ...], code: ExitCode, following: str
) -> None:
    """Lease held, unknown release, a missing flag, nothing to go back to, no plan, a silent host: with the reason."""
    prepare(told)
    said = told.desk(*words)
    assert said.code == code
    notice = told.only
    assert (notice.occasion, notice.change, notice.ending["exit_code"]) == ("missed", None, code)
    assert notice.words["en"].next == f"Next: {following}"
    assert notice.words["en"].runs.startswith("Runs now: 1.0.0 on worker1, app1")
    assert notice.words["en"].causes[0] in said.err
    assert told.lookouts[-1].dismissed


def test_an_earlier_change_that_stands_open_is_named(told: Told) -> None:
    """The deploy that was missed for it says what to type first."""
    told.desk.fail("switch", "app2")
    told.desk(*DEPLOY, "--on-failure", "stop")
    assert told.desk("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.UNKNOWN
    notice = told.channel.notices[-1]
    assert notice.occasion == "missed"
    assert notice.words["en"].next == "Next: clmdeploy change resume -e lab"
    assert told.desk.newest() in " ".join(notice.words["en"].causes)


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_nothing_to_settle_is_nothing_missed(told: Told, verb: str) -> None:
    """A timer that resumes whatever is open may find nothing."""
    assert told.desk("change", verb, "-e", "lab").code == ExitCode.USAGE
    assert told.channel.notices == []


def test_what_nobody_foresaw_is_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 by Python's own hook; nobody claims to know what runs."""

    def fault(*_: object) -> None:
        raise RuntimeError("a fault of the program\nwith a second line")

    monkeypatch.setattr("clmdeploy.runtime.Runtime.wishing", fault)
    with pytest.raises(RuntimeError):
        told.desk(*DEPLOY)
    words = told.only.words["en"]
    assert words.causes == ("RuntimeError: a fault of the program",)
    assert words.runs == "Runs now: not known."
    assert words.safe == "Safe: NO. no host was asked."


@pytest.mark.parametrize("error", [RuntimeError("a fault"), StoreUnavailable("silent")])
def test_what_has_begun_is_never_called_missed(told: Told, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Whatever goes wrong after a change was opened: its outcome is unknown."""

    def fault(*_: object) -> None:
        raise error

    told.desk.fail("switch", "app2")
    monkeypatch.setattr("clmdeploy.cli.conduct.Run._aftermath", fault)
    with contextlib.suppress(RuntimeError):
        told.desk(*DEPLOY)
    assert (told.only.occasion, told.only.change) == ("unknown", told.desk.newest())
    assert str(error) in told.only.words["en"].causes[0]


def test_an_interrupt_before_the_beginning_is_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that was cancelled is work that was missed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("clmdeploy.runtime.Runtime.wishing", interrupt)
    assert told.desk(*DEPLOY).code == ExitCode.UNEXPECTED
    assert told.only.occasion == "missed"


def test_storage_that_falls_silent_half_way_is_told_as_unknown(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change has begun; its outcome is for resume to find."""
    put = told.desk.state.put

    def failing(key: str, body: bytes, **conditions: Any) -> str:
        if b'"canary-switch"' in body and b'"step-finished"' in body:
            raise StoreUnavailable("storage does not answer")
        return put(key, body, **conditions)

    monkeypatch.setattr(told.desk.state, "put", failing)
    assert told.desk(*DEPLOY).code == ExitCode.UNKNOWN
    assert told.only.occasion == "unknown"
    assert told.only.words["en"].next == "Next: clmdeploy change resume -e lab"


def test_a_reader_that_has_gone_does_not_keep_it_from_being_told(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """`| head` closes the pipe before the ending is written: people hear of it all the same."""

    def gone(*_: object) -> None:
        raise BrokenPipeError

    told.desk.fail("switch", "app2")
    monkeypatch.setattr("clmdeploy.cli.render.endings.show_ending", gone)
    monkeypatch.setattr("clmdeploy.cli.failures.silence", lambda: ExitCode.UNEXPECTED)
    told.desk(*DEPLOY)
    assert told.only.ending["state"] == "taken-back"


@pytest.mark.parametrize(("when", "count"), [("unattended", 0), ("always", 1), ("never", 0)])
def test_who_sits_at_the_terminal_sees_it(told: Told, monkeypatch: pytest.MonkeyPatch, when: str, count: int) -> None:
    """With a terminal on standard input nobody is told, unless clm.yml says always."""
    told.when(when)
    told.desk.fail("switch", "app2")
    monkeypatch.setattr(sys, "stdin", Terminal())
    told.desk(*DEPLOY)
    assert (len(told.channel.notices), len(told.lookouts)) == (count, count)


def test_never_is_never(told: Told) -> None:
    """Also of what nobody watches."""
    told.when("never")
    told.desk.fail("switch", "app2")
    told.desk(*DEPLOY)
    assert (told.channel.notices, told.lookouts) == ([], [])


def test_what_can_not_be_told_now_is_told_later(told: Told) -> None:
    """Exit code and ending are the same; a line says that it is kept; the next command hands it over."""
    told.desk.fail("switch", "app2")
    told.channel.down = "mail.example.com:587: Connection refused"
    said = told.desk(*DEPLOY)
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert "Safe: yes." in said.err
    assert "Connection refused" in said.err.splitlines()[-1]
    assert "duty@example.com" in said.err.splitlines()[-1]
    (kept,) = told.outbox.kept()
    told.channel.down = ""
    said = told.desk("status", "-e", "lab")
    assert (said.code, said.err) == (ExitCode.DONE, "Told: duty@example.com.\n")
    assert told.only == kept.notice
    assert list(told.outbox.kept()) == []


def test_nobody_opens_a_vault_for_nothing(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal, with nothing to be told and nothing that waits, the channels' secrets are not read."""
    monkeypatch.setattr(sys, "stdin", Terminal())
    made = told.desk.runtime

    def runtime() -> Runtime:
        opened = made()
        vars(opened).pop("courier")
        return opened

    monkeypatch.setattr(told.desk, "runtime", runtime)
    monkeypatch.setattr("clmdeploy.adapters.channels.channels_of", lambda *_: pytest.fail("the channels were made"))
    assert told.desk(*DEPLOY).code == ExitCode.DONE
    assert told.desk("status", "-e", "lab").code == ExitCode.DONE


def test_a_lookout_knows_what_to_tell_at_any_moment(told: Told) -> None:
    """Before the change begins that it was missed, from then on that its outcome is unknown, at last how it ended."""
    expected: list[tuple[str, str | None]] = []

    class Noting(MemoryLookout):
        def expect(self, notice: Notice) -> None:
            super().expect(notice)
            expected.append((notice.occasion, notice.change))

    told.post_lookout = Noting  # type: ignore[method-assign,assignment]
    told.desk.fail("switch", "app2")
    told.desk(*DEPLOY)
    change = told.desk.newest()
    assert expected == [("missed", None), ("unknown", change), ("failed", change)]


def test_a_machine_without_processes_still_deploys(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lookout can be started, a line says so and the work goes on."""

    def full() -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(told, "post_lookout", full)
    said = told.desk(*DEPLOY)
    assert said.code == ExitCode.DONE
    assert "Resource temporarily unavailable" in said.err


def test_status_tells_once_of_what_was_left_open(told: Told) -> None:
    """For a timer elsewhere: a change that stands open with nobody at work on it, once; and again when it has moved."""
    told.desk.fail("switch", "app2")
    told.desk(*DEPLOY, "--on-failure", "stop")
    told.outbox.told.clear()  # the timer runs elsewhere
    first = told.desk("status", "-e", "lab", "--notify", "--json").json
    assert first["notified"] == [{"accepted": ["duty@example.com"], "refused": {}, "kept": {}, "fault": ""}]
    notice = told.channel.notices[-1]
    assert (notice.occasion, notice.change) == ("open", told.desk.newest())
    assert notice.words["en"].next == f"Next: clmdeploy change abort {told.desk.newest()} -e lab"
    assert told.desk("status", "-e", "lab", "--notify", "--json").json["notified"] == []
    assert told.desk("status", "-e", "lab", "--json").json["notified"] is None


def test_status_tells_of_a_holder_that_is_gone(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control node that died without a word: its lease does not move any more."""
    cut(told, monkeypatch)
    assert told.desk.runtime().leases.read("fleet")[0].held  # type: ignore[index]
    assert told.desk("status", "-e", "lab", "--notify").code == ExitCode.DONE
    assert (told.only.occasion, told.only.change) == ("open", told.desk.newest())
    assert told.only.ending["state"] == "unknown"


def test_status_leaves_who_is_at_work_alone(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that moves is somebody's: nothing is told."""
    cut(told, monkeypatch)
    monkeypatch.setattr(told.desk, "state", Moving(told.desk.state))
    assert told.desk("status", "-e", "lab", "--notify", "--json").json["notified"] == []


def test_status_can_not_tell_what_it_can_not_know(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the state bucket out of reach a watch fails, so that the timer's own failure is seen: exit code 4."""

    def silent(*_arguments: object, **_named: object) -> None:
        raise StoreUnavailable("storage does not answer")

    monkeypatch.setattr(told.desk.state, "get", silent)
    assert told.desk("status", "-e", "lab").code == ExitCode.DONE
    assert told.desk("status", "-e", "lab", "--notify").code == ExitCode.FAILED_UNCHANGED


def test_status_fails_when_nobody_could_be_told(told: Told) -> None:
    """Refused by all, it is neither handed over nor kept: exit code 4, each time until somebody is told."""
    told.desk.fail("switch", "app2")
    told.desk(*DEPLOY, "--on-failure", "stop")
    told.outbox.told.clear()  # the timer runs elsewhere
    told.channel.refusing = frozenset(told.channel.recipients)
    assert told.desk("status", "-e", "lab", "--notify").code == ExitCode.FAILED_UNCHANGED
    told.channel.down = "no network"
    assert told.desk("status", "-e", "lab", "--notify").code == ExitCode.DONE  # kept: the next command tells
    told.channel.down, told.channel.refusing = "", frozenset()
    assert "Told: duty@example.com." in told.desk("status", "-e", "lab", "--notify").err


def test_status_without_anybody_to_tell_says_so(desk: Desk) -> None:
    """Exit code 2, naming file and key."""
    said = desk("status", "-e", "lab", "--notify")
    assert (said.code, "clm.yml: notify" in said.err) == (ExitCode.USAGE, True)


def cut(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy whose control node dies in the middle: nothing is released, nothing is told."""

    class Dead(BaseException):
        """Ends this process's part as SIGKILL would."""

    def dead(*_: object) -> None:
        raise Dead

    told.channel.down = "no network"
    with monkeypatch.context() as dying:
        dying.setattr("clmdeploy.changes.lease.HeldLease.release", lambda held: held._stop.set())
        dying.setattr("clmdeploy.changes.executor.Executor.run", dead)
        with pytest.raises(Dead):
            told.desk(*DEPLOY)
    told.channel.down = ""
    told.outbox.waiting.clear()
    told.outbox.told.clear()


class Moving:
    """A bucket in which the lease was renewed at every look."""

    def __init__(self, store: ObjectStore) -> None:
        self.store, self.looks = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def get(self, key: str, *limits: int) -> Any:
        from clmdeploy.changes.ports import Stored

        stored = self.store.get(key, *limits)
        self.looks += 1
        return Stored(stored.body, f"{self.looks}") if "/lease/" in key else stored


def test_the_place_of_the_plan_is_quoted(told: Told) -> None:
    """What is to be typed can be pasted, whatever the file is called."""
    odd = Path("a plan; reboot")
    told.desk("change", "apply", str(odd), "-e", "lab", "--yes")
    assert told.only.words["en"].next == "Next: clmdeploy change apply 'a plan; reboot' -e lab"


def test_faults_of_the_environments_files_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An edit that broke clm.yml in the evening is told when the nightly deploy was missed for it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = tmp_path / "inventories" / "lab"
    place.mkdir(parents=True)
    (place / "clm.yml").write_text('colour: blue\nnotify: {command: [sh, -c, "cat > kept.json"]}\n')
    words = ("--inventories", str(tmp_path / "inventories"), "deploy", "1.1.0", "-e", "lab", "--yes")
    assert main.run(words) == ExitCode.INVALID
    assert capsys.readouterr().err.startswith("Told: sh.\n")
    notice = Notice.model_validate_json((place / "kept.json").read_bytes())
    assert notice.occasion == "missed"
    assert "colour: unknown key" in " ".join(notice.words["en"].causes)
    assert notice.words["en"].safe == "Safe: NO. no host was asked."
