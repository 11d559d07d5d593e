"""The databases' role: PostgreSQL 17, open to the lab's subnet; the first host is the primary, the others stream."""

from __future__ import annotations

import time

from clmdeploy.lab import cluster
from clmdeploy.lab.disk import DiskEntry, DiskFile, enabled
from clmdeploy.lab.facts import DATABASE, LabFacts
from clmdeploy.lab.machine import LabError
from clmdeploy.lab.spec import HostSpec
from clmdeploy.lab.ssh import Ssh

_ETC = "/etc/postgresql/17/main"
_CONTROL = f"{cluster.DATA}/global/pg_control"  # what a restore and pg_basebackup write last
_RECOVERING = f"{cluster.DATA}/recovery.signal"
_STREAM_LIMIT = 30.0  # seconds

# Timeouts: a partner that lost its power is noticed within seconds. Without an archive_command, WAL is kept until
# there is one.
_CONFIGURATION = """\
listen_addresses = 'localhost,{address}'
max_connections = 300
shared_buffers = 64MB
password_encryption = scram-sha-256
wal_level = replica
archive_mode = on
max_slot_wal_keep_size = 1GB
wal_sender_timeout = 10s
wal_receiver_timeout = 10s
wal_retrieve_retry_interval = 1s
"""


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    return (
        # Read first of its directory: whatever else is put there has the last word.
        DiskFile(f"{_ETC}/conf.d/00-lab.conf", configuration(facts, host), 0o644, "postgres"),
        DiskFile(f"{_ETC}/pg_hba.conf", access(facts), 0o640, "postgres"),
        *cluster.entries(facts, host),
        enabled("postgresql.service"),
    )


def configuration(facts: LabFacts, host: HostSpec) -> str:
    """What differs from Debian's postgresql.conf."""
    return _CONFIGURATION.format(address=facts.record.address(host))


def access(facts: LabFacts) -> str:
    """pg_hba.conf: local accounts as themselves, the application with its password from this lab only, replication
    from the database hosts only.
    """
    members = facts.record.spec.group("db")
    return (
        "local all all peer\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        f"host {DATABASE} {DATABASE} {facts.record.subnet} scram-sha-256\n"
    ) + "".join(
        f"host replication {cluster.REPLICATOR} {facts.record.address(host)}/32 scram-sha-256\n" for host in members
    )


def ready(facts: LabFacts, host: HostSpec, ssh: Ssh) -> None:
    """Return once PostgreSQL takes commands, and on a standby streams, if the primary answers at all.

    A cluster that somebody is restoring is not waited for. Raises LabError when a whole one does not get ready.
    """
    found = ssh.run(("find", cluster.MADE, _CONTROL, _RECOVERING), check=False).stdout.split()
    if cluster.MADE not in found:
        raise LabError(f"{host.name}: its cluster was not made; see `journalctl -u lab-cluster` there")
    if _CONTROL not in found or _RECOVERING in found:
        return
    _asked(ssh, "SELECT 1")
    if host != cluster.primary(facts):
        _await_stream(facts, host, ssh)


def _await_stream(facts: LabFacts, host: HostSpec, ssh: Ssh) -> None:
    deadline = time.monotonic() + _STREAM_LIMIT
    ask_primary = ("pg_isready", "-q", "-h", cluster.primary(facts).name)
    while _asked(ssh, "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") != "1":
        if ssh.run(ask_primary, check=False).returncode != 0:
            return
        if time.monotonic() > deadline:
            raise LabError(f"{host.name} does not stream from {cluster.primary(facts).name}")
        time.sleep(0.2)


def _asked(ssh: Ssh, query: str) -> str:
    psql = ("runuser", "-u", "postgres", "--", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres")
    return ssh.run(psql, text=query, timeout=60).stdout.strip()
