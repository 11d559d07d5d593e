"""Backup set-up is planned from hosts as they are: what stands is left alone, all obstacles are told at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.backups.identities import identities, names
from clmdeploy.backups.layout import Layout
from clmdeploy.changes.plan import Plan, TaskCall
from clmdeploy.config.backup_hosts import parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import ClmError, NothingChanged, UsageError
from clmdeploy.model.hosts import Host
from clmdeploy.planners.backup_facts import HostFound, ServerFound, SetupFacts
from clmdeploy.planners.backup_refusals import archive_settings
from clmdeploy.planners.backup_setup import Setup, plan_backup_setup
from tests.unit.config.test_backup import BACKUP, KEYS, STORAGE
from tests.unit.planners.conftest import NOW, SETTINGS

YEAR = 365 * 86400.0
GROUPS = {"backup1": "backup", "db1": "db", "db2": "db", "app1": "app", "lb1": "lb"}
HOSTS = tuple(
    Host(name=name, address=f"192.0.2.{number}", groups=(group,))
    for number, (name, group) in enumerate(GROUPS.items(), 1)
)
ENTITLED = ("backup1", "db1", "db2", "app1")
SERVERS = {"archive_mode": "on", "archive_command": "", "archive_timeout": "0", "wal_level": "replica"}


def layout(**backup: Any) -> Layout:
    section = {**BACKUP, "files": {**BACKUP["files"], "paths": {"db": ["/etc/postgresql"]}}, **backup}
    settings = Environment.model_validate({**SETTINGS, "backup": section})
    assert settings.backup is not None
    return Layout(settings, settings.backup, parties(LoadedEnvironment(Path("/lab"), settings, HOSTS, {})))


def server(*, standby: bool = False, told: str = "PostgreSQL 17.2 on x86_64", **settings: str) -> ServerFound:
    values = {name: {"value": value, "file": None} for name, value in {**SERVERS, **settings}.items()}
    return ServerFound(version=170002, told=told, standby=standby, settings=values)


def bare(**changes: Any) -> SetupFacts:
    """Hosts with nothing of it, but rclone and PostgreSQL."""
    lone = {"expires": None, "names": None, "authority": None}
    own = dict.fromkeys(("jobs", "archive", "gateway", "database", "files"), lone)
    known = {"pgbackrest": {"installed": "", "candidate": "2.55.1-1"}}
    hosts = {
        name: HostFound(accounts=("x",), configuration=("y",), identities=own, packages=known) for name in ENTITLED
    }
    missing = {
        "restic-init": ("db1", "db2", "app1"),
        "restic-key": ("db1", "db2", "app1"),
        "pgbackrest-stanza": ("backup1",),
    }
    facts = {
        "hosts": hosts, "servers": {"db1": server(), "db2": server(standby=True)}, "missing": missing,
        "rclone": "/usr/local/bin/rclone", "rclone_version": "rclone v1.75.2",
    }  # fmt: skip
    return SetupFacts.model_validate({**facts, **changes})


def standing(wanted: Layout, *, expires: float = NOW + YEAR) -> SetupFacts:
    """Everything done."""
    hosts = {}
    for host in wanted.parties.all:
        found = {"expires": expires, "names": list(names(host)), "authority": "a"}
        hosts[host.name] = HostFound(identities={one.name: found for one in identities(wanted.parties, host)})
    archiving = archive_settings("clm")
    return SetupFacts(
        hosts=hosts, servers={"db1": server(**archiving), "db2": server(standby=True, **archiving)}, authority="a",
        rclone="/usr/local/bin/rclone", rclone_version="v1.75.2",
    )  # fmt: skip


def planned(facts: SetupFacts, wanted: Layout | None = None, *, restart: bool = False) -> Plan:
    return plan_backup_setup(Setup(wanted or layout(), facts, {"settings": "s"}, "CA", restart), NOW)


def ids(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def refusal(facts: SetupFacts, kind: type[ClmError] = NothingChanged) -> str:
    with pytest.raises(kind) as caught:
        planned(facts)
    return f"{caught.value.message}\n{caught.value.hint}"


def test_bare_hosts_get_everything_in_an_order_that_works() -> None:
    """The stanza before the first segment; certificates before the services that show them."""
    plan = planned(bare())
    assert ids(plan) == [
        "accounts", "requests", "authority", "backup-host", "hosts", "stanza", "archiving", "archived",
        "repositories", "keys", "reached",
    ]  # fmt: skip
    assert {target.host for step in plan.steps for target in step.targets} == set(ENTITLED)


def test_where_all_stands_there_is_nothing_to_do() -> None:
    """Neither lease nor journal is needed for that."""
    assert planned(standing(layout())).steps == ()


def test_the_same_facts_give_the_same_plan() -> None:
    """Its digest is its name."""
    assert planned(bare()).digest == planned(bare()).digest


def test_no_secret_stands_in_the_plan() -> None:
    """Settings are named; each host gets the password of its own repository alone."""
    plan = planned(bare())
    said = json.dumps(plan.model_dump(mode="json"))
    assert "backup.files.passphrase#restic/{host}" in said
    hosts = next(step for step in plan.steps if step.id == "hosts")
    assert isinstance(hosts.action, TaskCall)
    assert hosts.action.secrets == {"restic-password": "backup.files.passphrase#restic/{host}"}


@pytest.mark.parametrize(("archive", "setting"), [(None, "keys"), (KEYS, "archive")])
def test_the_server_for_database_hosts_gets_keys_of_its_own_where_there_are_some(archive: Any, setting: str) -> None:
    """Root on a database host can get them."""
    plan = planned(bare(), layout(storage={**STORAGE, "archive": archive}))
    action = next(step for step in plan.steps if step.id == "backup-host").action
    assert isinstance(action, TaskCall)
    assert action.secrets["archive-access"] == f"backup.storage.{setting}.access_key"
    assert action.secrets["jobs-access"] == "backup.storage.keys.access_key"


def test_a_database_host_hears_of_no_storage() -> None:
    """Nothing in what is written there names bucket or endpoint."""
    plan = planned(bare())
    targets = [target for step in plan.steps for target in step.targets if target.host == "db1"]
    said = json.dumps([target.model_dump(mode="json") for target in targets])
    assert "pgbackrest.conf" in said
    assert "clm-backups" not in said
    assert "s3.example" not in said


@pytest.mark.parametrize(("days", "due"), [(61, False), (59, True)])
def test_certificates_are_renewed_in_time(days: int, due: bool) -> None:
    """Sixty days before they run out, and their services are restarted with them."""
    plan = planned(standing(layout(), expires=NOW + days * 86400))
    assert ("requests" in ids(plan)) == due
    assert ("backup-host" in ids(plan)) == due


def test_a_host_with_another_address_gets_another_certificate() -> None:
    """Nobody else does."""
    facts, wanted = standing(layout()), layout()
    other = facts.hosts["app1"].identities["files"] | {"names": ["DNS:app1", "IP:192.0.2.99"]}
    hosts = facts.hosts | {"app1": facts.hosts["app1"].model_copy(update={"identities": {"files": other}})}
    plan = planned(facts.model_copy(update={"hosts": hosts}), wanted)
    assert {step.id: [one.host for one in step.targets] for step in plan.steps}["hosts"] == ["app1"]
    assert "backup-host" not in ids(plan)


def test_another_authority_makes_all_certificates_anew() -> None:
    """The backup host was lost, and built again."""
    facts = standing(layout()).model_copy(update={"authority": None})
    plan = planned(facts)
    asked = next(step for step in plan.steps if step.id == "requests")
    assert [one.host for one in asked.targets] == list(ENTITLED)


def test_a_new_bucket_gets_stanza_and_repositories() -> None:
    """Though every file and unit stands."""
    facts = standing(layout()).model_copy(
        update={"missing": {"pgbackrest-stanza": ("backup1",), "restic-init": ("app1",), "restic-key": ("app1",)}}
    )
    assert ids(planned(facts)) == ["stanza", "archived", "repositories", "keys", "reached"]


def test_a_dumping_environment_has_no_archive() -> None:
    """Neither server, nor stanza, nor PostgreSQL's settings."""
    facts = bare(servers={})
    plan = planned(facts, layout(database={**BACKUP["database"], "engine": "pgdump"}))
    assert not {"stanza", "archiving", "archived"} & set(ids(plan))
    assert "clm-archive.service" not in json.dumps(plan.model_dump(mode="json"))


def test_postgresql_is_never_restarted_unasked() -> None:
    """The refusal says why, and what to type."""
    off = bare(servers={"db1": server(archive_mode="off", archive_command="(disabled)"), "db2": server(standby=True)})
    told = refusal(off, UsageError)
    assert "db1: archive_mode is off, and only a restart of PostgreSQL turns it on" in told
    assert "clmdeploy backup setup -e test --restart-postgresql" in told
    action = next(step for step in planned(off, restart=True).steps if step.id == "archiving").action
    assert action.arguments["restart"] is True


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"rclone": ""}, "backup1: rclone is not there: put version 1.75 or newer at /usr/local/bin/rclone"),
        ({"rclone_version": "rclone v1.60.1-DEV"}, "backup1: rclone 1.60.1: --private-repos can be walked around"),
        ({"rclone_version": "?"}, "backup1: rclone does not tell its version"),
        ({"servers": {"db1": server(archive_command="cp %p /a/%f")}}, "db1: archive_command is 'cp %p /a/%f' already"),
        ({"servers": {"db1": server(wal_level="minimal")}}, "db1: wal_level is minimal"),
        ({"servers": {"db1": server(archive_library="other")}}, "db1: archive_library is set"),
        ({"servers": {"db1": server(told="PostgresPro 17")}}, "db1: runs Postgres Pro"),
        ({"servers": {"db1": server(standby=True)}}, "group db has no primary"),
    ],
)
def test_what_stands_against_it_is_named(changes: dict[str, Any], cause: str) -> None:
    """Before anything is touched."""
    assert cause in refusal(bare(**changes))


def test_versions_of_pgbackrest_must_agree() -> None:
    """Its two ends refuse each other else, and WAL would pile up."""
    facts = bare()
    older = facts.hosts["db2"].model_copy(update={"packages": {"pgbackrest": {"installed": "2.54-1", "candidate": ""}}})
    told = refusal(facts.model_copy(update={"hosts": facts.hosts | {"db2": older}}))
    assert "2.54-1: db2; 2.55.1-1: backup1, db1, app1" in told


def test_everything_is_told_at_once() -> None:
    """Nobody mends one thing to be told the next."""
    told = refusal(bare(rclone="", servers={"db1": server(wal_level="minimal", archive_library="x")}))
    assert [word in told for word in ("rclone", "wal_level", "archive_library")] == [True] * 3


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.1", ("DNS:app1", "IP:192.0.2.1")),
        ("app1.example.com", ("DNS:app1", "DNS:app1.example.com")),
        ("2001:db8::a", ("DNS:app1", "IP:2001:DB8:0:0:0:0:0:A")),
        ("app1", ("DNS:app1",)),
    ],
)
def test_a_certificate_is_good_for_name_and_address(address: str, told: tuple[str, ...]) -> None:
    """In openssl's spelling, so that what is there can be compared with what is wanted."""
    assert names(Host(name="app1", address=address)) == told


@pytest.fixture
def openssl_names(tmp_path: Path) -> Callable[[str], list[str]]:
    from clmdeploy.hostside.acts import openssl

    def signed(address: str) -> list[str]:
        key, ca_key = openssl.new_key(), openssl.new_key()
        (tmp_path / "ca.pem").write_bytes(openssl.authority(ca_key, "ca", 9))
        (tmp_path / "ca.key").write_bytes(ca_key)
        wanted = list(names(Host(name="app1", address=address)))
        certificate = openssl.sign(
            openssl.request(key, "app1"), wanted, 9, str(tmp_path / "ca.pem"), str(tmp_path / "ca.key")
        )
        return openssl.names_of(certificate.encode())

    return signed


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::a", "::1", "app1.example.com"])
def test_the_true_openssl_spells_names_so(openssl_names: Callable[[str], list[str]], address: str) -> None:
    """Else every run would make all certificates anew."""
    assert openssl_names(address) == list(names(Host(name="app1", address=address)))
