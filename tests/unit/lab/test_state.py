"""Where labs are written down, and the locks on it."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from clmdeploy.lab.machine import LabError
from clmdeploy.lab.spec import LabSpec
from clmdeploy.lab.state import find, locked, reserve, standing
from clmdeploy.model.errors import UsageError


def test_a_reserved_lab_stands_and_is_found(tmp_path: Path) -> None:
    """What one process reserves, another finds by its name, with the same record."""
    directory = reserve(LabSpec(name="t1"), Path("/images/1"), {}, 3, tmp_path)
    assert standing(tmp_path) == (directory,)
    assert find("t1", tmp_path).record().index == 3


def test_a_lab_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    """Asking for a lab that does not stand names those that do, and the command that would make it."""
    reserve(LabSpec(name="t1"), Path("/images/1"), {}, 0, tmp_path)
    with pytest.raises(UsageError, match="there are: t1") as missing:
        find("t2", tmp_path)
    assert missing.value.hint == "clmdeploy lab up --name t2"


def test_the_rest_of_a_killed_removal_gives_way(tmp_path: Path) -> None:
    """A directory without lab.json does not stand, and a new lab takes its place whole."""
    (tmp_path / "t1" / "hosts").mkdir(parents=True)
    assert standing(tmp_path) == ()
    directory = reserve(LabSpec(name="t1"), Path("/images/1"), {}, 0, tmp_path)
    assert [path.name for path in directory.path.iterdir()] == ["lab.json"]


def test_a_held_lock_is_waited_for_or_refused(tmp_path: Path) -> None:
    """With a sentence for the case, a held lock raises it at once; without one, it is waited for."""
    entered = threading.Event()

    def wait() -> None:
        with locked(tmp_path):
            entered.set()

    waiting = threading.Thread(target=wait)
    with locked(tmp_path):
        with pytest.raises(LabError, match="somebody is at it"), locked(tmp_path, busy="somebody is at it"):
            pass
        waiting.start()
        assert not entered.wait(0.2)
    assert entered.wait(5)
    waiting.join()


def test_the_lock_of_a_removed_directory_is_void(tmp_path: Path) -> None:
    """Who waited for the lock of a directory that its holder removed gets the lock of the new directory."""
    home = tmp_path / "home"
    seen: list[bool] = []

    def wait() -> None:
        with locked(home):
            seen.append(home.is_dir())

    waiting = threading.Thread(target=wait)
    with locked(home):
        waiting.start()
        waiting.join(0.2)
        shutil.rmtree(home)
    waiting.join(5)
    assert seen == [True]
