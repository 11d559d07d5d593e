"""Contender: the engines as an administrator types them, with the configuration that `backup setup` has written.

No lease, no journal, no plan, no check of what was made, no manifest. pgBackRest runs on the backup host, restic on all
hosts with files at once; a restore takes primary, standby and files, and tidies up behind PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from clmdeploy.backups.host_files import (
    FILES_PASSPHRASE,
    FILES_SECRETS,
    GATEWAY_PORT,
    JOBS,
    PGBACKREST_CONFIG,
    PGBACKREST_SECRETS,
    RESTIC_AUTHORITY,
    RESTIC_CACHE,
    RESTIC_CERTIFICATE,
    RESTIC_PASSWORD,
    STORAGE_AUTHORITY,
)
from clmdeploy.lab.facts import BACKUP_BUCKET
from clmdeploy.lab.machine import LabError
from tests.bench.backups.ground import FILES, Ground
from tests.bench.measure import ContenderFailed

_LIMIT = 3600  # seconds
_CLUSTER = "postgresql@17-main.service"
_PATHS = {"db1": "/etc/postgresql", "db2": "/etc/postgresql", "worker1": f"/opt/clm/shared/content {FILES}"}
_LEFT_BEHIND = ("recovery_target", "recovery_target_action", "recovery_target_timeline", "restore_command")
_UNSTORED = "/var/lib/postgresql/17/main/pg_wal/archive_status/*.history.ready"
_PSQL = "runuser -u postgres -- psql -XAtqc"
_LOST_SLOT = "SELECT pg_create_physical_replication_slot('db2') WHERE NOT EXISTS (SELECT FROM pg_replication_slots)"


class Bare:
    """Each act returns 0: on the control node runs nothing but ssh."""

    name = "bare engines"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def create(self, kind: str) -> float:
        """A backup of the database, then snapshots of the files."""
        self._sh("backup1", _as_jobs(PGBACKREST_SECRETS, _pgbackrest(f"backup --type={kind}")))
        self._everywhere(lambda host: self._restic(host, f"backup --host {host} {_PATHS[host]}"))
        return 0.0

    def verify(self) -> float:
        """Every stored byte."""
        self._sh("backup1", _as_jobs(PGBACKREST_SECRETS, _pgbackrest("verify --output=text")))
        for host in _PATHS:
            self._sh("backup1", self._restic_in_storage(host, "check --read-data"))
        return 0.0

    def restore(self) -> float:
        """Where the newest backup ended."""
        conninfo = self._setting("primary_conninfo")
        self._sh("worker1", "systemctl stop clm-worker")
        for host in ("db2", "db1"):
            self._sh(host, f"systemctl stop {_CLUSTER}")
        self._sh("db1", f"{_restored('--type=immediate --target-action=promote')} && systemctl start {_CLUSTER}")
        self._sh("db1", f"""until [ "$({_PSQL} 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do sleep 0.2; done""")
        # A standby that starts before the new timeline's history is stored goes on along the old one.
        self._sh("db1", f"while ls {_UNSTORED} >/dev/null 2>&1; do sleep 0.2; done")
        reset = "; ".join(f"{_PSQL} 'ALTER SYSTEM RESET {name}'" for name in _LEFT_BEHIND)
        self._sh("db1", f'{reset}; {_PSQL} "{_LOST_SLOT}"')
        as_standby = f"--recovery-option=primary_slot_name=db2 --recovery-option='primary_conninfo={conninfo}'"
        self._sh("db2", f"{_restored('--type=standby ' + as_standby)} && systemctl start {_CLUSTER}")
        self._everywhere(lambda host: self._restic(host, f"restore latest --target / {_included(host)}"))
        self._sh("worker1", "systemctl start clm-worker")
        return 0.0

    def _setting(self, name: str) -> str:
        return self._ground.lab.host("db2").run(["sh", "-c", f"{_PSQL} 'SHOW {name}'"]).stdout.strip()

    def _restic(self, host: str, words: str) -> str:
        gateway = f"rest:https://{self._ground.lab.host('backup1').address}:{GATEWAY_PORT}/{host}/"
        files = f"--password-file {RESTIC_PASSWORD} --cache-dir {RESTIC_CACHE} --cacert {RESTIC_AUTHORITY}"
        return f"restic --quiet --repo {gateway} {files} --tls-client-cert {RESTIC_CERTIFICATE} {words}"

    def _restic_in_storage(self, host: str, words: str) -> str:
        stored = f"s3:{self._ground.lab.storage.endpoint}/{BACKUP_BUCKET}/restic/{host}"
        files = f"--password-file {FILES_PASSPHRASE} --cacert {STORAGE_AUTHORITY} -o s3.bucket-lookup=path"
        return _as_jobs(FILES_SECRETS, f"restic --quiet --no-cache --repo {stored} {files} {words}")

    def _everywhere(self, script: Callable[[str], str]) -> None:
        with ThreadPoolExecutor(len(_PATHS)) as pool:
            list(pool.map(lambda host: self._sh(host, script(host)), _PATHS))

    def _sh(self, host: str, script: str) -> None:
        try:
            self._ground.lab.host(host).run(["sh", "-c", f"cd / && {script}"], timeout=_LIMIT)
        except LabError as error:
            raise ContenderFailed(f"{script}: {error.message}") from error


def _pgbackrest(words: str) -> str:
    return f"pgbackrest --config={PGBACKREST_CONFIG} --stanza=clm --log-level-console=error {words}"


def _as_jobs(secrets: dict[str, str], command: str) -> str:
    exports = "; ".join(f'export {name}="$(cat {file})"' for name, file in secrets.items())
    return f"runuser -u {JOBS} -- sh -c '{exports}; exec {command}'"


def _restored(options: str) -> str:
    return f"runuser -u postgres -- pgbackrest --stanza=clm restore --delta --log-level-console=error {options}"


def _included(host: str) -> str:
    return " ".join(f"--include {path}" for path in _PATHS[host].split())
