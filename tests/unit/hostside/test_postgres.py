"""A cluster's own files are read as what they are: somebody else's, and maybe left by a power cut."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import postgres, recovery
from clmdeploy.hostside.acts.call import ActError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    place = tmp_path / "main"
    (place / "pg_wal").mkdir(parents=True)
    (place / "PG_VERSION").write_text("17\n")
    return place


def arguments(data: Path) -> dict[str, Any]:
    return {"data": str(data), "port": 5432, "service": "postgresql@17-main"}


def test_a_number_that_another_process_has_now_is_no_server(data: Path) -> None:
    """After a power cut the lock file stays, and its number is soon given to somebody else."""
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    assert not postgres.is_running(arguments(data))


def test_a_process_that_works_in_its_data_is_the_server(data: Path) -> None:
    """Whether it answers or hangs; once it is gone it does not run, whatever its file says."""
    with subprocess.Popen((sys.executable, "-c", "input()"), cwd=data, stdin=subprocess.PIPE) as server:
        (data / "postmaster.pid").write_text(f"{server.pid}\n{data}\n")
        assert postgres.is_running(arguments(data))
        server.kill()
    assert not postgres.is_running(arguments(data))


@pytest.mark.parametrize("text", ["", "x\n", "999999999\n"])
def test_a_lock_file_that_tells_nothing_is_none(data: Path, text: str) -> None:
    """Cut off while it was written, or of a process that is gone."""
    (data / "postmaster.pid").write_text(text)
    assert not postgres.is_running(arguments(data))


def test_no_link_of_the_databases_account_is_followed_by_root(data: Path, tmp_path: Path) -> None:
    """What root reads there travels in the reply: a link would make it tell of any file."""
    secret = tmp_path / "shadow"
    secret.write_text("restore_command = 'a secret'\n")
    (data / "pg_wal" / "00000002.history").symlink_to(secret)
    (data / "postgresql.auto.conf").symlink_to(secret)
    for read in (postgres.histories, recovery._settings):
        with pytest.raises((ActError, OSError)):
            read(arguments(data))
    (data / "PG_VERSION").unlink()
    (data / "PG_VERSION").symlink_to(secret)
    with pytest.raises(ActError, match="holds no cluster"):
        postgres.control(arguments(data))


def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(data: Path) -> None:
    """An act that hangs would hold its lock until its time limit."""
    os.mkfifo(data / "pg_wal" / "00000003.history")
    with pytest.raises(ActError, match="no regular file"):
        postgres.histories(arguments(data))


def test_the_log_may_lie_on_another_disk(data: Path, tmp_path: Path) -> None:
    """Directories that are links are the administrator's doing."""
    (data / "pg_wal").rmdir()
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / "00000002.history").write_text("1\t0/5000000\tno recovery target specified\n")
    (data / "pg_wal").symlink_to(tmp_path / "wal")
    linked = tmp_path / "linked"
    linked.symlink_to(data)
    assert postgres.histories(arguments(linked)) == {"2": "1\t0/5000000\tno recovery target specified\n"}
