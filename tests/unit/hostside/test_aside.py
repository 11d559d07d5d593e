"""A place for a second cluster: made once, never where somebody else's things are, and gone without a trace."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import aside, postgres
from clmdeploy.hostside.acts.call import ActError, Call

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture(autouse=True)
def _as_myself(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_account: str, command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    monkeypatch.setattr(postgres, "run_as", run)
    monkeypatch.setattr(postgres, "owner", lambda _arguments: ME)


def call(tmp_path: Path, state: str, need: int = 1) -> Call:
    arguments = {"data": str(tmp_path / "main"), "place": str(tmp_path / "main-aside"), "state": state, "need": need}
    return Call("aside", "perform", arguments, {}, {})


def test_it_is_made_for_the_account_alone_and_removed_with_all_that_is_in_it(tmp_path: Path) -> None:
    """Whatever was restored into it; a second removal finds nothing to do."""
    aside.perform(call(tmp_path, "made"))
    place = tmp_path / "main-aside"
    assert [path.stat().st_mode & 0o777 for path in (place, place / "data")] == [0o700, 0o700]
    (place / "data" / "base").mkdir()
    (place / "data" / "base" / "1").write_text("x")
    assert aside.probe(call(tmp_path, "made")) == {"state": "done"}
    for _ in range(2):
        assert aside.perform(call(tmp_path, "gone")) == {"state": "gone"}
    assert not place.exists()
    assert aside.probe(call(tmp_path, "gone")) == {"state": "done"}


def test_what_a_run_before_has_left_is_begun_anew(tmp_path: Path) -> None:
    """A host that lost its power could not tidy up."""
    aside.perform(call(tmp_path, "made"))
    (tmp_path / "main-aside" / "data" / "PG_VERSION").write_text("17")
    aside.perform(call(tmp_path, "made"))
    assert list((tmp_path / "main-aside" / "data").iterdir()) == []


def test_what_is_somebody_else_s_is_neither_used_nor_removed(tmp_path: Path) -> None:
    """Also where it is a link to something."""
    place = tmp_path / "main-aside"
    place.mkdir()
    (place / "theirs").write_text("x")
    for state in ("made", "gone"):
        with pytest.raises(ActError, match="none of clmdeploy's"):
            aside.perform(call(tmp_path, state))
    assert (place / "theirs").read_text() == "x"
    place.rename(tmp_path / "other")
    place.symlink_to(tmp_path / "other")
    with pytest.raises(ActError, match="none of clmdeploy's"):
        aside.perform(call(tmp_path, "gone"))


def test_without_room_nothing_is_made(tmp_path: Path) -> None:
    """Both numbers are told."""
    with pytest.raises(ActError, match=r"\d+ MiB are needed, \d+ MiB are free"):
        aside.perform(call(tmp_path, "made", need=10**18))
    assert not (tmp_path / "main-aside").exists()
