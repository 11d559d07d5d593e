"""Unit files and systemd: it reads them again when something differs, and only then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import units
from clmdeploy.hostside.acts.call import ActError
from clmdeploy.hostside.acts.layout import point_current

UNIT = "clm-web.service"


class Host:
    """An install root with two releases, the links of systemd, and a systemctl that only notes what it is told."""

    def __init__(self, place: Path) -> None:
        self.root = place / "opt"
        self.links = place / "systemd"
        self.told: list[str] = []
        self.state = {"UnitFileState": "enabled", "NeedDaemonReload": "no"}
        self.links.mkdir()
        for number, release in enumerate(("one", "two")):
            self.write(release, UNIT, "[Service]\n", 1_000_000 + number)

    def write(self, release: str, unit: str, text: str, modified: int = 2_000_000) -> None:
        path = self.root / "releases" / release / "units" / unit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (modified, modified))

    def switch(self, release: str, *names: str) -> list[str]:
        """What systemctl is told when `release` with the units `names` follows what stands."""
        self.told.clear()
        before = units.standing(str(self.root), [link.name for link in self.links.iterdir() if link.is_symlink()])
        point_current(str(self.root), release)
        units.link(str(self.root), list(names), before)
        return [verb for verb in self.told if verb != "show"]

    def systemctl(self, verb: str, *words: str, check: bool = True) -> str:
        assert check or verb in ("enable", "disable", "reset-failed")
        self.told.append(verb)
        state = "".join(f"{key}={value}\n" for key, value in self.state.items())
        return "\n".join(f"Id={word}\n{state}" for word in words if word.endswith(".service"))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    monkeypatch.setattr(units, "LINKS", str(host.links))
    monkeypatch.setattr(units, "_systemctl", host.systemctl)
    return host


def test_a_first_unit_is_linked_enabled_and_read(host: Host) -> None:
    """systemd knows the unit by a link that follows `current`."""
    host.state["UnitFileState"] = "linked"
    assert host.switch("one", UNIT) == ["enable", "daemon-reload"]
    assert (host.links / UNIT).readlink() == host.root / "current" / "units" / UNIT


def test_units_that_stay_the_same_are_not_read_again(host: Host) -> None:
    """Nor does systemd find them changed: the new file has the time of the old one."""
    host.switch("one", UNIT)
    assert host.switch("two", UNIT) == []
    assert (host.links / UNIT).stat().st_mtime == 1_000_000


def test_a_unit_with_other_content_is_read(host: Host) -> None:
    """One byte is enough, whatever the times say."""
    host.switch("one", UNIT)
    host.write("two", UNIT, "[Service]\n#\n", modified=1_000_000)
    assert host.switch("two", UNIT) == ["daemon-reload"]


def test_what_systemd_itself_finds_outdated_is_read(host: Host) -> None:
    """An administrator's drop-in counts from the next switch on."""
    host.switch("one", UNIT)
    host.state["NeedDaemonReload"] = "yes"
    assert host.switch("two", UNIT)[-1] == "daemon-reload"


def test_a_unit_that_somebody_took_out_of_boot_is_put_back(host: Host) -> None:
    """What a release declares starts at boot."""
    host.switch("one", UNIT)
    host.state["UnitFileState"] = "disabled"
    assert host.switch("two", UNIT) == ["enable", "daemon-reload"]


def test_boot_names_no_single_release(host: Host) -> None:
    """systemctl links the file of the release that is current now: it would dangle once that release is pruned."""
    wants = host.links / "multi-user.target.wants"
    wants.mkdir()
    (wants / UNIT).symlink_to(host.root / "releases" / "one" / "units" / UNIT)
    host.state["UnitFileState"] = "linked"
    host.switch("one", UNIT)
    assert (wants / UNIT).readlink() == host.links / UNIT


def test_a_unit_that_the_release_lost_goes(host: Host) -> None:
    """It is out of boot and unknown to systemd."""
    host.write("one", "clm-old.service", "[Service]\n")
    host.switch("one", UNIT, "clm-old.service")
    assert host.switch("two", UNIT) == ["disable", "daemon-reload"]
    assert [link.name for link in host.links.iterdir()] == [UNIT]


def test_a_foreign_unit_of_that_name_is_refused(host: Host) -> None:
    """What somebody else put there is not overwritten."""
    (host.links / UNIT).write_text("theirs")
    with pytest.raises(ActError, match="not ours"):
        host.switch("one", UNIT)
    assert (host.links / UNIT).read_text() == "theirs"


def test_a_unit_starts_however_often_it_failed_before(host: Host) -> None:
    """A release that dies at once is restarted until systemd refuses; the release before it must not pay for that."""
    host.told.clear()
    units.start([UNIT], str)
    assert host.told == ["reset-failed", "start"]
