"""A program that passes notices on: what it is given, and what it can't do to us."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from clmdeploy.adapters.notice_command import KEPT_OUTPUT, CommandChannel
from tests.unit.notices.examples import CHANGE, notice


def program(place: Path, script: str, *arguments: str, timeout: float = 20) -> CommandChannel:
    path = place / "to-chat"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return CommandChannel((str(path), *arguments), place, timeout)


def test_it_gets_the_notice_as_json(tmp_path: Path) -> None:
    """Whole, on standard input, with a few variables for those who parse nothing."""
    script = (
        'cat > notice.json; printf "%s\\n" "$CLM_ENVIRONMENT" "$CLM_CHANGE" "$CLM_OCCASION" "$CLM_EXIT_CODE" > vars'
    )
    channel = program(tmp_path, script)
    assert channel.send(notice(), channel.recipients).accepted == ("to-chat",)
    assert json.loads((tmp_path / "notice.json").read_text()) == notice().model_dump(mode="json")
    assert (tmp_path / "vars").read_text().splitlines() == ["lab", CHANGE, "failed", "4"]


def test_arguments_are_not_a_shells(tmp_path: Path) -> None:
    """Each arrives as it stands in clm.yml."""
    channel = program(tmp_path, 'printf "%s\\n" "$@" > words', "$HOME", "a b", "; touch evil")
    assert channel.send(notice(), channel.recipients).accepted
    assert (tmp_path / "words").read_text().splitlines() == ["$HOME", "a b", "; touch evil"]
    assert not (tmp_path / "evil").exists()


def test_it_does_not_get_our_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that hold keys for us are not passed on."""
    monkeypatch.setenv("CLM_S3_SECRET_KEY", "a-secret-of-ours")
    channel = program(tmp_path, "env > environment")
    assert channel.send(notice(), channel.recipients).accepted
    assert "a-secret-of-ours" not in (tmp_path / "environment").read_text()
    assert "PATH=" in (tmp_path / "environment").read_text()


def test_a_failure_is_told_in_its_own_words(tmp_path: Path) -> None:
    """Exit code and first line, without control characters; worth another try."""
    channel = program(tmp_path, 'printf "\\033[31mno such room\\nmore" >&2; exit 7')
    (reason,) = channel.send(notice(), channel.recipients).postponed.values()
    assert reason.endswith(r"to-chat: exit code 7: \x1b[31mno such room")


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    """And nothing is raised."""
    channel = CommandChannel((str(tmp_path / "none"),), tmp_path, 20)
    (reason,) = channel.send(notice(), channel.recipients).postponed.values()
    assert reason == f"{tmp_path / 'none'}: can't be run: No such file or directory"


def test_a_check_finds_a_program_that_can_not_run(tmp_path: Path) -> None:
    """Without running it."""
    assert program(tmp_path, "touch ran").check() == ""
    assert not (tmp_path / "ran").exists()
    (tmp_path / "to-chat").chmod(0o644)
    assert "no program" in CommandChannel((str(tmp_path / "to-chat"),), tmp_path, 20).check()


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """Within the time limit, whatever it has started."""
    channel = program(tmp_path, "sleep 60 & echo $! > child; wait", timeout=1)
    begun = time.monotonic()
    (reason,) = channel.send(notice(), channel.recipients).postponed.values()
    assert time.monotonic() - begun < 5
    assert "killed" in reason
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{child}") and "State:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_flood_of_output_is_not_kept(tmp_path: Path) -> None:
    """Nor does it block the program; what it leaves behind holds nobody up."""
    channel = program(tmp_path, "head -c 5000000 /dev/zero | tr '\\0' x; sleep 30 & exit 3")
    begun = time.monotonic()
    (reason,) = channel.send(notice(), channel.recipients).postponed.values()
    assert time.monotonic() - begun < 10
    assert len(reason) < KEPT_OUTPUT
