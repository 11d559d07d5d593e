"""A second PostgreSQL server, for the restored cluster beside the true one: nobody can reach it but this act.

It listens on a socket in a directory of its own, archives nothing, loads no library, follows nobody, and never outlives
the act. What the cluster's own settings say otherwise is overruled on its command line.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator

from . import aside, places, postgres
from .call import ActError, Json

SOCKETS = "/run/clm-aside"
PORT = 5432
INTERVAL = 0.5  # seconds
PATIENCE = 20.0  # seconds from the order to end at once to SIGKILL
_SETTINGS = {
    "listen_addresses": "", "unix_socket_directories": SOCKETS, "unix_socket_permissions": "0700", "ssl": "off",
    "archive_mode": "off", "archive_command": "", "archive_cleanup_command": "", "recovery_end_command": "",
    "primary_conninfo": "", "primary_slot_name": "", "hot_standby": "off", "synchronous_standby_names": "",
    "shared_preload_libraries": "", "session_preload_libraries": "", "local_preload_libraries": "",
    "wal_level": "replica", "logging_collector": "off", "log_destination": "stderr", "external_pid_file": "",
    "autovacuum": "off", "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "huge_pages": "off",
    "shared_buffers": "128MB", "cluster_name": "clm-aside",
}  # fmt: skip
# Recovery needs room for what the primary had room for: as it stands in the cluster's control file.
_ROOM = {
    "max_connections": "max_connections setting", "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting", "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}  # fmt: skip


@contextlib.contextmanager
def running(arguments: Json, deadline: float) -> Iterator[Json]:
    """Started, recovered to its target and taking commands; ended at once afterwards, whatever happens.

    Gives what `postgres.ask` needs. `arguments`: data (of the database that runs), place. Raises ActError.
    """
    data = aside.data_of(arguments)
    account = pwd.getpwnam(postgres.owner({"data": data}))
    places.make_directory(SOCKETS, 0o700, account.pw_uid, account.pw_gid)
    log = os.path.join(aside.real_place(arguments), "server.log")
    process = _start(data, account, log)
    server = {"data": data, "socket": SOCKETS, "port": PORT}
    try:
        _await_promotion(server, process, log, deadline)
        yield server
    finally:
        _end(process)
        for name in os.listdir(SOCKETS):
            places.remove(os.path.join(SOCKETS, name))
        places.remove(SOCKETS)


def _start(data: str, account: pwd.struct_passwd, log: str) -> subprocess.Popen[bytes]:
    own = os.path.dirname(data)
    for name, content in (("server.conf", ""), ("hba.conf", "local all all peer\n"), ("ident.conf", "")):
        places.write(os.path.join(own, name), content.encode(), 0o600, account.pw_uid, account.pw_gid)
    places.write(log, b"", 0o600, account.pw_uid, account.pw_gid)
    files = {"config_file": "server.conf", "hba_file": "hba.conf", "ident_file": "ident.conf"}
    control = postgres.control({"data": data})
    room = {name: control[said] for name, said in _ROOM.items() if said in control}
    settings = {**_SETTINGS, **room, **{key: os.path.join(own, name) for key, name in files.items()}}
    program = os.path.join(postgres.BINARIES, control["version"], "bin", "postgres")
    words = [word for key, value in sorted(settings.items()) for word in ("-c", f"{key}={value}")]
    with places.opened(log) as told:
        return subprocess.Popen(
            [program, "-D", data, "-p", str(PORT), *words], cwd="/", stdin=subprocess.DEVNULL, stdout=told, stderr=told,
            user=account.pw_uid, group=account.pw_gid, extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            env=postgres.environment_of(account.pw_name), start_new_session=True, umask=0o077,
        )  # fmt: skip


def _await_promotion(server: Json, process: subprocess.Popen[bytes], log: str, deadline: float) -> None:
    """Until it has reached its target, nobody can connect: it is no hot standby."""
    while not (postgres.answers(server) and postgres.ask(server, "SELECT pg_is_in_recovery()") == [["f"]]):
        if process.poll() is not None:
            raise ActError(f"the server aside ended in recovery: {_last_words(log)}")
        if time.monotonic() > deadline:
            raise ActError(f"the server aside is still in recovery: {_last_words(log)}")
        time.sleep(INTERVAL)


def _last_words(log: str) -> str:
    """What it said of why it ended."""
    told = places.read(log).decode("utf-8", "replace").splitlines()
    grave = [line for line in told if any(word in line for word in (" FATAL: ", " PANIC: ", " ERROR: ", " HINT: "))]
    return " ".join(grave[-4:] or told[-4:])[-500:] or "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once: nothing in it is to be kept."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
