"""Files that commands write: whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from clmdeploy.cli.output_file import output_file
from clmdeploy.model.errors import InvalidInput


def test_a_file_replaces_what_stood_there_for_its_owner_only(tmp_path: Path) -> None:
    """Whatever rights the old one had."""
    path = tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o644)
    with output_file(path) as file:
        file.write(b"new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_not_finished_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """Neither a piece of the new file nor a change of the old one."""
    path = tmp_path / "plan.json"
    path.write_text("old")
    with pytest.raises(error):
        _begin(path, error)
    assert [one.name for one in tmp_path.iterdir()] == ["plan.json"]
    assert path.read_text() == "old"


def test_what_is_no_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    """`--out /dev/null` as root must not put a file in its place; a pipe gets the bytes."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with output_file(pipe) as file:
        file.write(b"through")
    reader.join(10)
    assert read == [b"through"]
    assert pipe.is_fifo()


def test_a_place_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the cause."""
    with pytest.raises(InvalidInput, match=r"no-such/plan\.json: can't be written: No such file"):
        _begin(tmp_path / "no-such" / "plan.json", ValueError)
    with pytest.raises(InvalidInput, match="can't be written: Is a directory"):
        _begin(tmp_path, ValueError)


def _begin(path: Path, error: type[BaseException]) -> None:
    with output_file(path) as file:
        file.write(b"half")
        raise error
