"""What hosts look like once backups are set up: who may read what, and what runs in which box."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from clmdeploy.backups import layout
from clmdeploy.backups.arrangement import Arrangement, File
from clmdeploy.backups.arranging import accounts, configuration, secrets
from clmdeploy.backups.identities import Certified, certificate_files
from clmdeploy.backups.layout import Layout
from clmdeploy.model.hosts import Host
from tests.unit.planners.test_backup_setup import HOSTS
from tests.unit.planners.test_backup_setup import layout as wanted

BACKUP, DB1, APP1 = (next(host for host in HOSTS if host.name == name) for name in ("backup1", "db1", "app1"))


@pytest.fixture
def plan() -> Layout:
    return wanted()


def configured(plan: Layout, host: Host) -> Arrangement:
    return configuration(plan, host, "PEM", None, "/usr/local/bin/rclone")


def file(arrangement: Arrangement, path: str) -> File:
    return next(one for one in arrangement.files if one.path == path)


@pytest.mark.parametrize("host", [BACKUP, DB1, APP1])
def test_what_holds_a_secret_is_for_one_account(plan: Layout, host: Host) -> None:
    """Neither group nor others can read it."""
    hiding = [
        one for one in configured(plan, host).files if any(part.keys() & {"secret", "variable"} for part in one.parts)
    ]
    assert hiding
    assert all(int(one.mode, 8) & 0o077 == 0 for one in hiding)


def test_the_three_accounts_share_nothing(plan: Layout) -> None:
    """Each reads its own directory alone; the secrets of the others are closed to it."""
    folders = {one.path: one for one in accounts(plan, BACKUP).directories}
    for path, group in (
        (layout.BACKUP, "clm-backup"),
        (layout.ARCHIVE, "clm-archive"),
        (layout.GATEWAY, "clm-gateway"),
    ):
        assert (folders[path].mode, folders[path].owner, folders[path].group) == ("0750", "root", group)
    assert (folders[layout.SECRETS].mode, folders[layout.SECRETS].owner) == ("0700", "clm-backup")
    assert (folders[layout.AUTHORITY].mode, folders[layout.AUTHORITY].owner) == ("0700", "root")


@pytest.mark.parametrize("host", [BACKUP, DB1, APP1])
def test_every_secret_that_a_file_names_is_given(plan: Layout, host: Host) -> None:
    """And no other one to the backup host."""
    parts = [part for one in configured(plan, host).files for part in one.parts]
    named = {str(part[kind]) for part in parts for kind in ("secret", "variable") if kind in part}
    assert named <= secrets(plan, host).keys()
    assert host != BACKUP or named == secrets(plan, host).keys()


def test_every_file_lies_in_a_directory_that_is_there(plan: Layout) -> None:
    """Made before, or the system's own."""
    system = {"/etc/systemd/system", "/etc/tmpfiles.d"}
    for host in plan.parties.all:
        made = {one.path for one in accounts(plan, host).directories} | system
        certified = certificate_files(plan.parties, host, Certified("authority", "backup1"))
        assert {one.path.rpartition("/")[0] for one in (*configured(plan, host).files, *certified)} <= made


def test_a_service_is_restarted_for_its_files_and_certificates(plan: Layout) -> None:
    """Not for those of the others."""
    watches = {one.name: set(one.watches) for one in configured(plan, BACKUP).units}
    assert f"{layout.ARCHIVE}/environment" in watches["clm-archive.service"]
    assert f"{layout.GATEWAY}/tls/cert.pem" in watches["clm-gateway.service"]
    assert not watches["clm-archive.service"] & watches["clm-gateway.service"]


def test_a_database_host_with_files_is_both(plan: Layout) -> None:
    """Each part stands there once."""
    both = accounts(plan, DB1)
    assert (both.packages, both.quiet) == (("pgbackrest", "restic"), ("pgbackrest.service",))
    paths = [one.path for one in both.directories]
    assert len(paths) == len(set(paths))


def test_the_password_opens_the_hosts_own_repository_alone(plan: Layout) -> None:
    """Derived for each host; the backup host, which has the first one, keeps them to hand them out as keys."""
    assert secrets(plan, APP1) == {"restic-password": "backup.files.passphrase#restic/{host}"}
    assert secrets(plan, BACKUP)["restic-app1"] == "backup.files.passphrase#restic/app1"
    assert file(configured(plan, BACKUP), layout.host_password("app1")).parts == ({"secret": "restic-app1"},)


def test_repositories_are_told_the_same_from_both_sides(plan: Layout) -> None:
    """Through the gateway by the host's name, directly below the prefix."""
    assert plan.repository_of("app1") == "rest:https://192.0.2.1:8000/app1/"
    assert plan.stored_repository_of("app1") == "s3:https://s3.example.ru/clm-backups/restic/app1"


@pytest.mark.parametrize("name", ["clm-archive.service", "clm-gateway.service"])
def test_systemd_takes_the_units(plan: Layout, name: str, tmp_path: Path) -> None:
    """Every line is one that it knows, and the service may do little."""
    unit = str(file(configured(plan, BACKUP), f"/etc/systemd/system/{name}").parts[0]["text"])
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
    ):
        assert f"\n{line}\n" in unit
    assert f"\nUser={name.removesuffix('.service')}\n" in unit
    if shutil.which("systemd-analyze"):
        (tmp_path / name).write_text(
            unit.replace("/usr/local/bin/rclone", "/bin/true").replace("/usr/bin/pgbackrest", "/bin/true")
        )
        command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert not [line for line in told.splitlines() if name in line and "Unknown" in line]
