"""The section `backup`: what can stand there, and what contradicts the rest of the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clmdeploy.backups.pgbackrest_names import STANZA
from clmdeploy.config.backup import Backup, BackupStorage
from clmdeploy.config.environment import LoadedEnvironment, secret_references
from clmdeploy.config.settings import Environment
from tests.unit.cli.desk import SETTINGS

KEYS = {"access_key": {"file": "secrets/a"}, "secret_key": {"file": "secrets/b"}}
STORAGE: dict[str, Any] = {"bucket": "clm-backups", "keys": KEYS}
BACKUP: dict[str, Any] = {
    "storage": STORAGE,
    "database": {"passphrase": {"file": "secrets/c"}},
    "files": {"passphrase": {"file": "secrets/d"}},
}
WRITTEN = """
backup:
  storage: {bucket: clm-backups, keys: {access_key: {env: CLM_A}, secret_key: {env: CLM_B}}}
  database: {passphrase: {env: CLM_C}}
  files: {passphrase: {env: CLM_D}, paths: {db: [/etc/postgresql]}}
"""


def environment(**changes: Any) -> Environment:
    return Environment.model_validate({**SETTINGS, "backup": {**BACKUP, **changes}})


def stored(**changes: Any) -> BackupStorage:
    settings = environment(storage={**STORAGE, **changes})
    assert settings.backup is not None
    return settings.backup_storage(settings.backup)


def digest(settings: Environment) -> str:
    return LoadedEnvironment(Path("/inventories/lab"), settings, (), {}).settings_digest


def test_the_storage_is_that_of_the_environment_where_nothing_else_is_said() -> None:
    """Endpoint, region, certificates and addressing need no second mention."""
    main, own = environment().storage, stored()
    assert (own.endpoint, own.region, own.addressing) == (main.endpoint, main.region, main.addressing)
    assert own.ca_file == main.ca_file


def test_another_storage_is_not_checked_with_the_certificates_of_the_first() -> None:
    """A private authority of one storage says nothing about another."""
    settings = Environment.model_validate(
        {
            **SETTINGS,
            "storage": {**SETTINGS["storage"], "ca_file": "ca.pem"},
            "backup": {**BACKUP, "storage": {**STORAGE, "endpoint": "https://elsewhere.example.com"}},
        }
    )
    assert settings.backup is not None
    assert settings.backup_storage(settings.backup).ca_file is None


@pytest.mark.parametrize(("prefix", "place"), [("", "restic"), ("a/b", "a/b/restic")])
def test_repositories_lie_below_the_prefix(prefix: str, place: str) -> None:
    """No key begins with a slash or holds two in a row."""
    assert stored(prefix=prefix).below("restic") == place


@pytest.mark.parametrize("prefix", ["/a", "a/", "a//b", "a/../b", "A", "a b"])
def test_a_prefix_that_storages_read_differently_is_refused(prefix: str) -> None:
    """What one client normalises and another does not would become two repositories."""
    with pytest.raises(ValidationError, match="must be empty, or small letters"):
        stored(prefix=prefix)


@pytest.mark.parametrize("stanza", ["clm", "clm-1", "9_a", "a" * 63])
def test_a_stanza_of_the_settings_is_one_to_pgbackrest(stanza: str) -> None:
    """Both rooms have one rule."""
    assert environment(database={**BACKUP["database"], "stanza": stanza}).backup
    assert STANZA.fullmatch(stanza)


@pytest.mark.parametrize("stanza", ["", "CLM", "-clm", "clm/../x", "clm\n", "a" * 64])
def test_what_is_no_stanza_is_refused(stanza: str) -> None:
    """Both rooms have one rule."""
    with pytest.raises(ValidationError):
        environment(database={**BACKUP["database"], "stanza": stanza})
    assert not STANZA.fullmatch(stanza)


@pytest.mark.parametrize(
    "at",
    ["Sun 02:00", "Mon..Sat 02:00", "Mon,Wed,Fri 02:00:30", "*-*-01 03:30", "daily", "02:00 Europe/Moscow", "*:0/15"],
)
def test_times_are_those_of_systemd(at: str) -> None:
    """systemd.time(7), CALENDAR EVENTS."""
    Backup.model_validate({**BACKUP, "schedule": {"backup": [{"type": "full", "at": at}]}})


@pytest.mark.parametrize("at", ["", "0 2 * * *", "tomorrow", "Sun", "02", "Son 02:00", "02:00; reboot", "02:00\n"])
def test_other_times_are_refused(at: str) -> None:
    """A crontab's five fields, words for people, and whatever could end the line of a unit file."""
    with pytest.raises(ValidationError, match=r"systemd\.time"):
        Backup.model_validate({**BACKUP, "schedule": {"backup": [{"type": "full", "at": at}]}})


def test_every_secret_is_known_as_one() -> None:
    """It is looked for by `config check`, shown as the place where it is kept, and never part of a digest."""
    several = environment(storage={**STORAGE, "archive": KEYS, "files": KEYS})
    assert {key for key in secret_references(several) if key.startswith("backup.")} == {
        "backup.database.passphrase",
        "backup.files.passphrase",
        *(f"backup.storage.{name}.{key}" for name in ("keys", "archive", "files") for key in KEYS),
    }
    moved = environment(
        storage={**STORAGE, "keys": {"access_key": {"env": "A"}, "secret_key": {"env": "B"}}},
        files={"passphrase": {"env": "C"}},
    )
    assert digest(moved) == digest(environment())
    assert digest(several) != digest(environment())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", "backup.group: group 'backup' must have exactly one host (hosts.yml has: none)"),
        (
            "bucket: clm-backups",
            "bucket: clm-staging-state",
            "backup.storage.bucket: must be a bucket of its own, neither state_bucket nor release_bucket",
        ),
        ("paths: {db:", "paths: {dbs:", "backup.files.paths.dbs: hosts.yml has no hosts in group 'dbs'"),
        ("storage: {", "group: db\n  storage: {", "backup.group: db1 is a database host too"),
    ],
)
def test_contradictions_are_faults(
    directory: Path, faults: Callable[[], list[str]], old: str, new: str, fault: str
) -> None:
    """Each names its key and its cause."""
    with (directory / "clm.yml").open("a") as file:
        file.write(WRITTEN.replace(old, new) if old else WRITTEN)
    assert any(fault in told for told in faults()), faults()
