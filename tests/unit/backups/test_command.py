"""A command holds no secret and nothing that a program could not get."""

from __future__ import annotations

import pytest

from clmdeploy.backups.command import Command
from clmdeploy.model.errors import InvalidInput


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("",),
        ("restic", "a\0b"),
        ("pgbackrest", "--repo1-cipher-pass=x"),
        ("pgbackrest", "--repo1-s3-key-secret", "x"),
        ("rclone", "--s3-secret-access-key=x"),
        ("restic", "-r", "rest:https://user:word@gate:8000/app1/"),
    ],
)
def test_what_would_show_a_secret_or_has_no_meaning_is_refused(argv: tuple[str, ...]) -> None:
    """Everybody on a host reads its process list."""
    with pytest.raises(InvalidInput) as refused:
        Command(argv, 10)
    assert "word" not in refused.value.message


@pytest.mark.parametrize(
    ("environment", "secrets"),
    [({"A b": "1"}, {}), ({}, {"lower": "/f"}), ({"A": "1"}, {"A": "/f"}), ({"A": "\0"}, {})],
)
def test_variables_have_plain_names_and_one_source(environment: dict[str, str], secrets: dict[str, str]) -> None:
    """A variable is either shown or read from a file."""
    with pytest.raises(InvalidInput):
        Command(("restic",), 10, environment, secrets)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_every_command_has_a_time_limit(timeout: float) -> None:
    """Nothing hangs for ever."""
    with pytest.raises(InvalidInput):
        Command(("restic",), timeout)


def test_files_with_secrets_may_be_named() -> None:
    """A reference is no secret."""
    command = Command(("restic", "--password-file=/etc/key", "/srv/a:b@c"), 10, secrets={"AWS_SECRET_ACCESS_KEY": "/k"})
    assert command.secrets == {"AWS_SECRET_ACCESS_KEY": "/k"}
