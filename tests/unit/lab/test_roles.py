"""What the hosts' disks are made to say."""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from clmdeploy.config.loading import load
from clmdeploy.lab import application, base, cluster, haproxy, inventory, postgres, roles, store, store_identities
from clmdeploy.lab.disk import DiskFile
from clmdeploy.lab.facts import LabFacts
from clmdeploy.lab.spec import LabSpec

FactsOf = Callable[[LabSpec], LabFacts]


def files(facts: LabFacts, name: str) -> dict[str, DiskFile]:
    """The files of one host's disk by their path."""
    host = next(host for host in facts.record.spec.hosts if host.name == name)
    return {entry.path: entry for entry in roles.entries(facts, host) if isinstance(entry, DiskFile)}


def test_haproxy_has_a_server_for_every_host_under_its_inventory_name(facts_of: FactsOf) -> None:
    """Servers are named as hosts, listen where the application does, and nothing is tried twice."""
    text = haproxy.configuration(facts_of(LabSpec(apps=2)))
    servers = [line.split()[1:3] for line in text.splitlines() if line.strip().startswith("server ")]
    assert servers == [["app1", "10.77.7.100:8080"], ["app2", "10.77.7.101:8080"], ["worker1", "10.77.7.40:8090"]]
    assert "    retries 0\n" in text
    assert "redispatch" not in text


def test_only_this_labs_subnet_reaches_the_database(facts_of: FactsOf) -> None:
    """pg_hba.conf lets in, with a password: the application into its database from this subnet, and replication from
    the database hosts.
    """
    remote = [line for line in postgres.access(facts_of(LabSpec())).splitlines() if "127.0.0.1" not in line]
    assert remote == [
        "local all all peer",
        "host clm clm 10.77.7.0/24 scram-sha-256",
        "host replication replicator 10.77.7.30/32 scram-sha-256",
        "host replication replicator 10.77.7.31/32 scram-sha-256",
    ]


def test_the_operator_may_use_two_buckets_and_manage_nothing(facts_of: FactsOf) -> None:
    """The operator reads, writes and lists two buckets; that of the backups is not among them."""
    document = json.loads(store_identities.identities(facts_of(LabSpec())))
    identities = {entry["name"]: entry for entry in document["identities"]}
    assert set(identities) == {"admin", "operator", "schedule", "backup", "archive", "files"}
    assert {action.split(":")[1] for action in identities["operator"]["actions"]} == {"clm-state", "clm-releases"}
    assert {action.split(":")[0] for action in identities["operator"]["actions"]} == {"Read", "Write", "List"}


def rights(document: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Name and action → where, for all who hold a policy and nothing else."""
    identities = {entry["name"]: entry for entry in document["identities"]}
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for policy in document["policies"]:
        assert identities[policy["name"]]["policyNames"] == [policy["name"]]
        assert "actions" not in identities[policy["name"]]
        for statement in json.loads(policy["content"])["Statement"]:
            named = statement["Resource"]
            for resource in [named] if isinstance(named, str) else named:
                for action in statement["Action"]:
                    where[policy["name"], action].append(resource.removeprefix("arn:aws:s3:::"))
    return where


def test_no_key_of_the_backup_host_may_touch_older_versions(facts_of: FactsOf) -> None:
    """The keys hold rights by policies alone, which let none remove a version or weaken what protects it. The jobs'
    deletes objects, the gateway's nothing but locks; what database hosts reach puts WAL and deletes nothing.
    """
    where = rights(json.loads(store_identities.identities(facts_of(LabSpec()))))
    assert where.keys().isdisjoint((("schedule", "s3:DeleteObject"), ("schedule", "s3:PutBucketPolicy")))
    assert where["schedule", "s3:PutObject"] == ["clm-state/*"]
    where = {right: there for right, there in where.items() if right[0] != "schedule"}
    changing = {action for _, action in where if not action.startswith(("s3:Get", "s3:List"))}
    assert changing == {"s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
    deleting = {name: paths for (name, action), paths in where.items() if action == "s3:DeleteObject"}
    assert deleting == {"backup": ["clm-backups/*"], "files": ["clm-backups/restic/*/locks/*"]}
    assert where["archive", "s3:PutObject"] == ["clm-backups/pgbackrest/archive/*"]


def test_a_cluster_is_never_made_twice(facts_of: FactsOf) -> None:
    """What keeps a cluster from being made again lies outside the data directory: a restore may empty that one."""
    facts = facts_of(LabSpec())
    for name in ("db1", "db2"):
        unit = files(facts, name)["/etc/systemd/system/lab-cluster.service"].content
        (condition,) = (line for line in unit.splitlines() if line.startswith("Condition"))
        assert condition == f"ConditionPathExists=!{cluster.MADE}"
    assert not cluster.MADE.startswith(cluster.DATA)


def test_the_stores_internal_ports_want_tokens_and_certificates(facts_of: FactsOf) -> None:
    """security.toml sets four keys, all different, and mutual TLS for every part."""
    security = tomllib.loads(store.security(facts_of(LabSpec())))
    keys = {security["jwt"][part][kind]["key"] if kind else security["jwt"][part]["key"]
            for part in ("signing", "filer_signing") for kind in ("", "read")}  # fmt: skip
    assert len(keys) == 4
    assert all(security["grpc"][part]["cert"] for part in ("master", "volume", "filer", "s3", "client"))


def test_secrets_are_readable_by_their_owner_only(facts_of: FactsOf) -> None:
    """Whatever holds a password or a private key has no bits for group and others."""
    facts = facts_of(LabSpec())
    secret = ("made-up-", "PRIVATE KEY")
    for host in facts.record.spec.hosts:
        for file in files(facts, host.name).values():
            if any(word in file.content for word in secret):
                assert file.mode & 0o077 == 0, f"{host.name}:{file.path}"


def test_application_hosts_learn_where_database_and_content_are(facts_of: FactsOf) -> None:
    """clm.env names the database with its password and the worker; a lab without them leaves the lines out."""
    facts = facts_of(LabSpec())
    lines = files(facts, "app1")["/opt/clm/shared/clm.env"].content.splitlines()
    assert "CLM_DATABASE_URL=postgresql://clm:made-up-1@10.77.7.30:5432/clm" in lines
    assert "CLM_CONTENT_URL=http://10.77.7.40:8090" in lines


def test_a_lab_without_database_has_no_line_for_it(facts_of: FactsOf) -> None:
    """What the lab has no host for is left out of clm.env."""
    facts = facts_of(LabSpec(databases=0, workers=0))
    host = facts.record.spec.group("app")[0]
    assert application.environment_file(facts, host) == "CLM_HOST=app1\nCLM_GROUP=app\n"


def test_a_lab_that_lacks_a_part_of_backups_has_no_section_for_them(facts_of: FactsOf) -> None:
    """Without backup host, database or storage clm.yml says nothing of restore points."""
    facts = facts_of(LabSpec())
    assert "backup" in inventory.settings(facts)
    for spec in (LabSpec(backup=False), LabSpec(databases=0), LabSpec(store=False)):
        assert "backup" not in inventory.settings(replace(facts, record=replace(facts.record, spec=spec)))


def test_bare_hosts_have_nothing_but_names_and_keys(facts_of: FactsOf) -> None:
    """A bare host's disk holds what base.py writes, and nothing below /opt."""
    facts = facts_of(LabSpec(bare=1))
    assert not [path for path in files(facts, "bare1") if path.startswith("/opt")]


def test_hosts_know_each_other_by_name(facts_of: FactsOf) -> None:
    """/etc/hosts lists every host of the lab."""
    text = base.hosts_file(facts_of(LabSpec()).record)
    assert "10.77.7.10 lb1\n" in text
    assert "10.77.7.102 app3\n" in text


def test_the_inventories_load_without_a_fault(facts_of: FactsOf, tmp_path: Path) -> None:
    """What the lab writes is an environment that the tool itself accepts, bare hosts in a group of their own."""
    facts = facts_of(LabSpec(bare=2))
    inventory.write_inventories(tmp_path / "inventories", facts)
    loaded = load(tmp_path / "inventories", "lab")
    assert {host.name for host in loaded.hosts if "bare" in host.groups} == {"bare1", "bare2"}
    assert loaded.settings.backup is not None
    assert loaded.settings.backup.storage.archive != loaded.settings.backup.storage.keys
    secrets = tmp_path / "inventories" / "lab" / "secrets"
    assert secrets.stat().st_mode & 0o077 == 0
    assert (secrets / "signing-key").stat().st_mode & 0o077 == 0
