"""The machine's settings, on a /proc/sys made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.lab.sysctl import WANTED, put_settings_back, raise_settings


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A machine that does not route and allows 128 inotify instances."""
    proc = tmp_path / "proc"
    for key, value in {"net/ipv4/ip_forward": 0, "fs/inotify/max_user_instances": 128}.items():
        (proc / key).parent.mkdir(parents=True)
        (proc / key).write_text(f"{value}\n")
    return proc


def values(proc: Path) -> list[int]:
    return [int((proc / key).read_text()) for key in WANTED]


def test_what_was_raised_is_put_back(tmp_path: Path, proc: Path) -> None:
    """After the last lab the settings are what they were before the first, and no note of it is left."""
    raise_settings(tmp_path, proc)
    assert values(proc) == list(WANTED.values())
    raise_settings(tmp_path, proc)  # a second lab
    put_settings_back(tmp_path, proc)
    assert values(proc) == [0, 128]
    assert [path.name for path in tmp_path.iterdir()] == ["proc"]


def test_what_was_high_enough_is_left_alone(tmp_path: Path, proc: Path) -> None:
    """A machine that allows more than the lab needs keeps its own value throughout."""
    (proc / "fs/inotify/max_user_instances").write_text("65536")
    raise_settings(tmp_path, proc)
    put_settings_back(tmp_path, proc)
    assert values(proc) == [0, 65536]


def test_what_somebody_changed_meanwhile_is_left_alone(tmp_path: Path, proc: Path) -> None:
    """A value that an administrator set while a lab stood is not overwritten."""
    raise_settings(tmp_path, proc)
    (proc / "fs/inotify/max_user_instances").write_text("10000")
    put_settings_back(tmp_path, proc)
    assert values(proc) == [0, 10000]
