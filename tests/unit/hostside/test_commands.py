"""Hooks: run without a shell, told about without secrets."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from clmdeploy.hostside.acts.call import ActError
from clmdeploy.hostside.acts.commands import read_variables, run_hook, without_secrets

VARIABLES = {"PATH": os.defpath, "DATABASE_URL": "postgresql://clm:s3cret-word@db/clm"}


def test_a_failed_hook_is_told_without_the_values_of_its_environment(tmp_path: Path) -> None:
    """A database URL in an error message must not reach journal, screen or JUnit file."""
    command = ["sh", "-c", "echo cannot reach $DATABASE_URL >&2; exit 3"]
    with pytest.raises(ActError, match=r"exit code 3: cannot reach \*\*\*") as failure:
        run_hook(command, str(tmp_path), getpass.getuser(), VARIABLES, 10)
    assert "s3cret-word" not in str(failure.value)


def test_a_secret_is_not_cut_in_two(tmp_path: Path) -> None:
    """It goes before the message is shortened: the second half of a password is a secret as well."""
    secret = "s3cret-word-" * 20
    command = ["sh", "-c", f"printf '%s\n%01490d' {secret} 0 >&2; exit 3"]
    with pytest.raises(ActError) as failure:
        run_hook(command, str(tmp_path), getpass.getuser(), {**VARIABLES, "TOKEN": secret}, 10)
    assert "word" not in str(failure.value)


def test_of_a_long_complaint_the_end_is_told(tmp_path: Path) -> None:
    """Where less than all is read, a line that is not whole is left out: nobody would know half a secret again."""
    command = ["sh", "-c", f"printf '%s%070000d\nlast words' {'s3cret-word' * 9} 0 >&2; exit 3"]
    with pytest.raises(ActError, match=r"exit code 3: last words$"):
        run_hook(command, str(tmp_path), getpass.getuser(), VARIABLES, 10)


def test_the_password_of_an_address_is_a_secret_by_itself() -> None:
    """Programs take addresses apart, and complain about one part."""
    said = "no entry for user clm, password s3cret-word"
    assert without_secrets(said, VARIABLES.values()) == "no entry for user clm, password ***"


def test_short_values_are_no_secrets() -> None:
    """Else a port number would blot out half of every message."""
    assert without_secrets("port 5432", ["5432"]) == "port 5432"


def test_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    """No shell reads them."""
    words = "$(reboot); {{ 1 + 1 }} `id`"
    assert run_hook(["printf", "%s", words], str(tmp_path), getpass.getuser(), VARIABLES, 10) == words


def test_a_hook_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """Its time is limited."""
    with pytest.raises(ActError, match="no end after"):
        run_hook(["sleep", "60"], str(tmp_path), getpass.getuser(), VARIABLES, 0.2)


def test_an_environment_file_is_a_plain_file(tmp_path: Path) -> None:
    """The service user may own the directory; root reads the file."""
    (tmp_path / "good").write_text("# comment\nA=1\nB='two words'\n")
    assert read_variables(str(tmp_path / "good")) == {"A": "1", "B": "two words"}
    (tmp_path / "link").symlink_to("/etc/shadow")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic"):
        read_variables(str(tmp_path / "link"))
    with pytest.raises(ActError, match="no regular file"):
        read_variables(str(tmp_path / "pipe"))
