"""What runs here, as an archive for another host."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from clmdeploy import __version__
from clmdeploy.adapters.own_program import own_program, own_wheel
from clmdeploy.hostside.acts.program import _DIRECTORY, _MEMBER
from clmdeploy.model.errors import InvalidInput


def test_the_same_sources_give_the_same_bytes() -> None:
    """The digest names the installation: a second one changes nothing."""
    own_wheel.cache_clear()
    first = own_program()
    own_wheel.cache_clear()
    assert own_program() == first
    assert first.directory == f"{__version__}-{first.sha256[:8]}"


def test_the_host_takes_what_the_archive_holds() -> None:
    """Both sides name things alike."""
    program = own_program()
    assert _DIRECTORY.fullmatch(program.directory)
    with zipfile.ZipFile(io.BytesIO(program.archive)) as archive:
        assert [name for name in archive.namelist() if not _MEMBER.fullmatch(name)] == []


def test_the_wheel_is_whole() -> None:
    """Program, playbooks, what it needs, and the record that pip checks."""
    with zipfile.ZipFile(io.BytesIO(own_wheel())) as wheel:
        names = set(wheel.namelist())
        record = wheel.read(f"clmdeploy-{__version__}.dist-info/RECORD").decode()
    assert {"clmdeploy/cli/main.py", "clmdeploy/playbooks/stage.yml", "clmdeploy/requirements.txt"} <= names
    assert {line.partition(",")[0] for line in record.splitlines()} == names
    assert not any("__pycache__" in name for name in names)


def test_wheels_travel_along(tmp_path: Path) -> None:
    """For a host that reaches no index; nothing else of the directory does."""
    (tmp_path / "six-1.0-py3-none-any.whl").write_bytes(b"wheel")
    (tmp_path / "notes.txt").write_text("private")
    program = own_program(tmp_path)
    assert program.offline
    with zipfile.ZipFile(io.BytesIO(program.archive)) as archive:
        assert "wheels/six-1.0-py3-none-any.whl" in archive.namelist()
        assert not any("notes" in name for name in archive.namelist())


def test_a_directory_without_wheels_is_refused(tmp_path: Path) -> None:
    """Before anything is done, and with the command that fills it."""
    with pytest.raises(InvalidInput, match="holds no wheels"):
        own_program(tmp_path)
