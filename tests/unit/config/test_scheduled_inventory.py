"""The environment's files as scheduled jobs get them: the same environment, with nobody else's secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.loading import load
from clmdeploy.config.scheduled_inventory import inventory_files, key_settings, schedule_of
from clmdeploy.model.errors import UsageError

HOME = "/etc/clm-schedule/inventories/staging"
KEYS = ("principal", "signing_key", "ssh_key", "access_key", "secret_key")


def section(*, schedule: bool = True) -> dict[str, object]:
    def reference(name: str) -> dict[str, str]:
        return {"file": f"secrets/{name}"}

    pair = {"access_key": reference("operators-own"), "secret_key": {"env": "OPERATORS_OWN"}}
    keys = {"principal": "backup@staging", **{name: reference(f"schedule-{name}") for name in KEYS[1:]}}
    jobs = {"schedule": {"backup": [{"type": "full", "at": "Sun 02:00"}], "keys": keys}} if schedule else {}
    return {
        "storage": {"bucket": "clm-backups", "keys": pair},
        "database": {"passphrase": reference("operators-own")},
        "files": {"passphrase": reference("operators-own")},
        **jobs,
    }


def environment(directory: Path, backup: dict[str, object]) -> LoadedEnvironment:
    """The staging example with a backup host and this section, and mail to people."""
    settings = yaml.safe_load((directory / "clm.yml").read_text())
    mail = {
        "host": "mail.example.com", "user": "clm", "password": {"file": "secrets/operators-mail"},
        "sender": "clm@example.com", "to": ["duty@example.com"],
    }  # fmt: skip
    settings |= {"backup": backup, "notify": {"mail": mail}}
    (directory / "clm.yml").write_text(yaml.safe_dump(settings))
    signers = directory / "allowed_signers"
    key = next(line for line in signers.read_text().splitlines() if line.startswith("ivanova")).partition(" ")[2]
    signers.write_text(f"{signers.read_text()}backup@staging {key}\n")
    hosts = yaml.safe_load((directory / "hosts.yml").read_text())
    groups = hosts["all"]["children"]
    if "backup" not in groups:
        groups["backup"] = {"hosts": {"backup1": {"ansible_host": "10.0.0.99"}}}
        known = (directory / "known_hosts").read_text()
        key = " ".join(known.splitlines()[-1].split()[1:3])
        (directory / "known_hosts").write_text(f"{known}10.0.0.99 {key}\n")
    (directory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    return load(directory.parent, "staging")


@pytest.fixture
def loaded(directory: Path) -> LoadedEnvironment:
    return environment(directory, section())


def test_it_is_the_same_environment_to_every_digest(loaded: LoadedEnvironment, tmp_path: Path) -> None:
    """So a change that a job began is gone on with from any control node, without a word of drift."""
    there = tmp_path / "there" / "staging"
    for name, content in inventory_files(loaded, HOME).items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(content)
    again = load(there.parent, "staging")
    assert again.settings_digest == loaded.settings_digest
    assert again.inventory_digest == loaded.inventory_digest
    assert again.settings.trust.principal == "backup@staging"
    assert {host.identity_file for host in again.hosts} == {f"{HOME}/secrets/ssh-key"}


def test_no_place_of_anybody_elses_secret_is_told(loaded: LoadedEnvironment) -> None:
    """Neither files nor variables; the jobs' own lie in one place."""
    told = inventory_files(loaded, HOME)["clm.yml"]
    assert "operators" not in told.lower()
    assert "secrets/signing-key" in told


def test_the_keys_that_travel_are_the_jobs_own_and_the_one_to_mail_with(loaded: LoadedEnvironment) -> None:
    """A run that fails at night has to tell people."""
    assert key_settings(loaded) == {
        "ssh-key": "backup.schedule.keys.ssh_key", "signing-key": "backup.schedule.keys.signing_key",
        "s3-access-key": "backup.schedule.keys.access_key", "s3-secret-key": "backup.schedule.keys.secret_key",
        "mail-password": "notify.mail.password",
    }  # fmt: skip


def test_without_a_schedule_there_is_nothing_to_install(directory: Path) -> None:
    """The section that is missing is named."""
    with pytest.raises(UsageError, match=r"no section `backup\.schedule`"):
        schedule_of(environment(directory, section(schedule=False)))
