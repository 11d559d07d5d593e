"""A database host's cluster: made once, at the host's first start; the primary by initdb, a standby from the primary.

Made then and not in the image, since backups tell clusters apart by an identifier that each initdb chooses. What says
that it was made lies outside the data directory: who empties that one, to restore a backup, finds it empty after a
reboot too.
"""

from __future__ import annotations

from clmdeploy.lab.disk import DiskDirectory, DiskEntry, DiskFile, enabled
from clmdeploy.lab.facts import DATABASE, LabFacts
from clmdeploy.lab.spec import HostSpec

DATA = "/var/lib/postgresql/17/main"
REPLICATOR = "replicator"
_HOME = "/var/lib/lab-cluster"
MADE = f"{_HOME}/made"
_SCRIPT = f"{_HOME}/make"
_PROGRAMS = "/usr/lib/postgresql/17/bin"

_UNIT = f"""\
[Unit]
Description=Making of this host's PostgreSQL cluster
ConditionPathExists=!{MADE}
Before=postgresql@17-main.service

[Service]
Type=oneshot
User=postgres
ExecStart={_SCRIPT}

[Install]
WantedBy=multi-user.target
"""
# The first line is for a host that lost its power while it made its cluster.
_PRIMARY = f"""\
#!/bin/sh -eu
find {DATA} -mindepth 1 -delete
{_PROGRAMS}/initdb -D {DATA} --encoding UTF8 --locale C.UTF-8 --data-checksums --no-sync \\
  --auth-local=peer --auth-host=scram-sha-256
{_PROGRAMS}/postgres --single -F -D {DATA} -c exit_on_error=on postgres <{_HOME}/first.sql
touch {MADE}
"""
# A slot of an earlier life of this host may be there, in use until the primary has noticed its end, or lost.
_STANDBY = """\
#!/bin/sh -u
primary='{primary}'
clone() {{
  pg_basebackup -D {data} -d "$primary" --slot={slot} --write-recovery-conf --checkpoint=fast --no-sync "$@"
}}
find {data} -mindepth 1 -delete
until
  pg_isready -q -d "$primary" && {{
    psql -X -q -d "$primary replication=true" -c 'DROP_REPLICATION_SLOT {slot}' 2>/dev/null
    clone --create-slot
  }}
do sleep 0.2; done
touch {made}
"""
_FIRST_SQL = """\
CREATE ROLE {database} LOGIN PASSWORD '{database_password}';
CREATE ROLE {replicator} LOGIN REPLICATION PASSWORD '{replication_password}';
CREATE DATABASE {database} OWNER {database};
"""


def primary(facts: LabFacts) -> HostSpec:
    """The database host that the application is told of."""
    return facts.record.spec.group("db")[0]


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    """The unit, what it runs, and the replication password where libpq looks for it."""
    keys = facts.credentials
    own: tuple[DiskEntry, ...]
    if host == primary(facts):
        statements = _FIRST_SQL.format(
            database=DATABASE, database_password=keys.database_password,
            replicator=REPLICATOR, replication_password=keys.replication_password,
        )  # fmt: skip
        own = (
            DiskFile(_SCRIPT, _PRIMARY, 0o700, "postgres"),
            DiskFile(f"{_HOME}/first.sql", statements, 0o600, "postgres"),
        )
    else:
        conninfo = f"host={primary(facts).name} user={REPLICATOR} application_name={host.name}"
        script = _STANDBY.format(primary=conninfo, data=DATA, slot=host.name, made=MADE)
        own = (DiskFile(_SCRIPT, script, 0o700, "postgres"),)
    return (
        DiskDirectory(_HOME, 0o700, "postgres"),
        *own,
        DiskFile("/var/lib/postgresql/.pgpass", f"*:*:*:{REPLICATOR}:{keys.replication_password}\n", 0o600, "postgres"),
        DiskFile("/etc/systemd/system/lab-cluster.service", _UNIT),
        enabled("lab-cluster.service", "/etc/systemd/system"),
    )
