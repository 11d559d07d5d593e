"""The database's role: PostgreSQL 17, open to the lab's subnet."""

from __future__ import annotations

from clmdeploy.lab.disk import DiskEntry, DiskFile, enabled
from clmdeploy.lab.facts import DATABASE, LabFacts
from clmdeploy.lab.spec import HostSpec
from clmdeploy.lab.ssh import Ssh

_ETC = "/etc/postgresql/17/main"

_DATA = "/var/lib/postgresql/17/main"

# Made at the first start, not in the image: backups tell clusters apart by an identifier that each initdb chooses.
_CLUSTER_UNIT = f"""\
[Unit]
Description=PostgreSQL cluster of this host
ConditionPathExists=!{_DATA}/PG_VERSION
Before=postgresql@17-main.service

[Service]
Type=oneshot
User=postgres
ExecStart=/usr/lib/postgresql/17/bin/initdb -D {_DATA} --encoding UTF8 --locale C.UTF-8 --data-checksums --no-sync \\
  --auth-local=peer --auth-host=scram-sha-256

[Install]
WantedBy=multi-user.target
"""
_SETUP = """\
SELECT format('CREATE ROLE %I LOGIN', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \\gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    return (
        DiskFile(f"{_ETC}/conf.d/lab.conf", configuration(facts, host), 0o644, "postgres"),
        DiskFile(f"{_ETC}/pg_hba.conf", access(facts), 0o640, "postgres"),
        DiskFile("/etc/systemd/system/lab-cluster.service", _CLUSTER_UNIT),
        enabled("lab-cluster.service", "/etc/systemd/system"),
        enabled("postgresql.service"),
    )


def configuration(facts: LabFacts, host: HostSpec) -> str:
    """What differs from Debian's postgresql.conf."""
    return (
        f"listen_addresses = 'localhost,{facts.record.address(host)}'\n"
        "max_connections = 300\n"
        "shared_buffers = 64MB\n"
        "password_encryption = scram-sha-256\n"
    )


def access(facts: LabFacts) -> str:
    """pg_hba.conf: local accounts as themselves, the application with its password from this lab only."""
    return (
        "local all all peer\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        f"host {DATABASE} {DATABASE} {facts.record.subnet} scram-sha-256\n"
    )


def ready(facts: LabFacts, ssh: Ssh) -> None:
    """Make role and database if they are not there. Raises LabError when PostgreSQL does not take commands."""
    psql = ("runuser", "-u", "postgres", "--", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
    # As input: an argument list is there for everybody on the host to read.
    variables = f"\\set name '{DATABASE}'\n\\set password '{facts.credentials.database_password}'\n"
    ssh.run(psql, text=variables + _SETUP, timeout=60)
