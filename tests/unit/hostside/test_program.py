"""Programs of the schedule beside each other: only those that it made go, and never the one before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import program, schedule, services, trial, units
from clmdeploy.hostside.acts.call import ActError, Call

FIRST, SECOND, THIRD = "1.0-aaaaaaaa", "1.1-bbbbbbbb", "1.2-cccccccc"


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs on a host where systemd says yes to everything."""
    place = tmp_path / "opt" / "clmdeploy"
    place.mkdir(parents=True)
    (tmp_path / "units").mkdir()
    monkeypatch.setattr(program, "PARENT", str(place))
    monkeypatch.setattr(units, "LINKS", str(tmp_path / "units"))
    monkeypatch.setattr(services, "systemctl", lambda *_words, check=True: "[]")  # noqa: ARG005
    monkeypatch.setattr(schedule, "_remove_account", lambda _user: [])
    return place


def made(parent: Path, name: str, age: float = 0) -> Path:
    """A program as `schedule install` leaves it."""
    place = parent / name
    (place / "bin").mkdir(parents=True)
    (place / program.MARK).write_text("a-change")
    os.utime(place / program.MARK, (1_000_000 - age, 1_000_000 - age))
    return place


def strangers(parent: Path) -> list[Path]:
    """What an administrator has put beside: an environment of their own, and one under a name like ours."""
    venv, alike = parent / "venv", parent / "2.0-dddddddd"
    for place in (venv, alike):
        (place / "bin").mkdir(parents=True)
    (venv / program.MARK).write_text("theirs")
    return [venv, alike]


def call(act: str, verb: str, **arguments: Any) -> Call:
    return Call(act=act, verb=verb, arguments=arguments, before={}, secrets={})


def test_an_installation_leaves_alone_what_is_not_its_own(parent: Path) -> None:
    """An administrator's own environment beside the programs, and one without our mark, outlive each installation."""
    theirs = strangers(parent)
    made(parent, FIRST)
    trial.perform(call("trial", "perform", unit="x.service", directory=FIRST))
    assert all((place / "bin").is_dir() for place in theirs)


def test_the_program_before_stays_and_the_ones_before_that_go(parent: Path) -> None:
    """So that units which an abort puts back name a program that is there."""
    for age, name in ((30, FIRST), (20, SECOND), (0, THIRD)):
        made(parent, name, age)
    told = trial.perform(call("trial", "perform", unit="x.service", directory=THIRD))
    assert told == {"removed": [FIRST]}
    assert sorted(os.listdir(parent)) == [SECOND, THIRD]


def test_the_one_before_is_the_one_that_ran_not_the_one_unpacked_last(parent: Path) -> None:
    """Back to an older clmdeploy, then on to a third: the older one is what ran before."""
    made(parent, FIRST, 30)
    made(parent, SECOND, 20)
    for name in (FIRST, THIRD):
        (parent / name).is_dir() or made(parent, name)
        trial.perform(call("trial", "perform", unit="x.service", directory=name))
    assert program.own() == [THIRD, FIRST]


def test_a_removal_takes_its_own_programs_and_nothing_else(parent: Path) -> None:
    """The directory above goes only when nothing is left in it."""
    theirs = strangers(parent)
    made(parent, FIRST)
    arguments: dict[str, Any] = {"directories": [], "links": [], "user": "nobody-of-ours"}
    assert FIRST in schedule.perform(call("schedule", "perform", **arguments))["removed"]
    assert sorted(parent.iterdir()) == sorted(theirs)
    assert schedule.probe(call("schedule", "probe", **arguments))["state"] == "done"


def test_an_empty_directory_of_programs_goes_with_the_last(parent: Path) -> None:
    """Nothing of the schedule is left behind."""
    made(parent, FIRST)
    schedule.perform(call("schedule", "perform", directories=[], links=[], user="nobody-of-ours"))
    assert not parent.exists()


class Unit:
    """A check that ends with these exit codes, one a start."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.starts = list(codes), 0

    def systemctl(self, verb: str, *_words: str, check: bool = True) -> str:  # noqa: ARG002
        if verb == "start":
            self.starts += 1
            if self.codes[self.starts - 1]:
                raise ActError("Job for x.service failed")
        return f"{self.codes[self.starts - 1]}\n"


@pytest.mark.parametrize(("codes", "well"), [((0,), True), ((10, 0), True), ((10, 10), False), ((4,), False)])
def test_a_missed_run_fails_no_installation(
    parent: Path, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], well: bool
) -> None:
    """It is told of once; keys that can't be believed are so each time, and hosts out of reach are no miss."""
    unit = Unit(*codes)
    made(parent, FIRST)
    monkeypatch.setattr(services, "systemctl", unit.systemctl)
    monkeypatch.setattr(services, "last_lines", lambda _unit: "the end of its journal")
    if well:
        trial.perform(call("trial", "perform", unit="x.service", directory=FIRST))
    else:
        with pytest.raises(ActError, match="the end of its journal"):
            trial.perform(call("trial", "perform", unit="x.service", directory=FIRST))
    assert unit.starts == len(codes)


def test_a_broken_ledger_hides_no_other(tmp_path: Path) -> None:
    """It is told as none, and the others as they are."""
    (tmp_path / "verify.json").write_text('{"format": "run-led')
    (tmp_path / "expire.json").write_text('{"job": "expire"}')
    (tmp_path / "check.json").write_text("[]")
    assert schedule._ledgers(str(tmp_path)) == {"expire": {"job": "expire"}, "verify": None, "check": {}}
