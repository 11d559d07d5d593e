"""Dumps one database of this host into the backup storage, through the gateway, without a copy of it on the disk.

pg_dump is the server's own: whatever version or fork that is. Only its exit code 0 says that a dump is whole, so the
manifest is stored behind that, as the last object. What an attempt that failed has stored stays until `backup expire`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from . import postgres
from .call import ActError, Call, Json
from .gateway import Gateway
from .sealing import proof, sealed
from .spool import PART, Ready, Spool

MANIFEST = "manifest.json"
MOST_WORKERS = 4  # that seal and send: each holds a part three times
BOUND = 256 * 1024 * 1024  # bytes of disk from which on pg_dump is kept waiting
PAUSE = 0.2  # seconds
_CHANGE = re.compile(r"([0-9]{8}-[0-9]{9})-[a-z]+-([0-9a-f]+)")


def perform(call: Call) -> Json:
    """`arguments`: data, port, database, gateway, processes, local (which of the change's points this is)."""
    arguments = call.arguments
    folder = folder_of(arguments)
    stored = _gateway(arguments).get(f"{folder}/{MANIFEST}")
    if stored is None:
        stored = _Dump(arguments, folder).run()
    return _told(stored, folder)


def probe(call: Call) -> Json:
    """Whether the manifest is there, which is the last object."""
    folder = folder_of(call.arguments)
    stored = _gateway(call.arguments).get(f"{folder}/{MANIFEST}")
    return {"state": "not-done"} if stored is None else {"state": "done", **_told(stored, folder)}


def folder_of(arguments: Json) -> str:
    """Where a dump lies: a folder with the point's ID, which follows from the change."""
    found = _CHANGE.fullmatch(arguments["change"])
    if found is None:
        raise ActError(f"{arguments['change'][:80]!r} is no ID of a change")
    return f"pgdump/{found[1]}-{found[2]}{arguments['local']:02x}"


class _Dump:
    """One run of pg_dump, and what becomes of its members."""

    def __init__(self, arguments: Json, folder: str) -> None:
        self._arguments, self._folder = arguments, folder
        self._account = postgres.owner(arguments)
        self._workers = max(1, min(MOST_WORKERS, arguments["processes"]))
        self._bound = max(BOUND, 4 * PART * arguments["processes"])
        self._gateways = threading.local()
        self._members: dict[str, list[list[Any]]] = {}
        self._waits = False

    def run(self) -> bytes:
        """The manifest, once all is stored. Raises ActError."""
        begun, size = time.time(), _size(self._arguments)
        spool = Spool(self._account)
        try:
            with tempfile.TemporaryFile() as said:
                process = self._started(spool, said)
                try:
                    self._follow(process, spool)
                finally:
                    end(process)
                if process.returncode != 0:
                    raise ActError(f"pg_dump ended with {process.returncode}: {tail(said)}")
        finally:
            spool.remove()
        manifest = json.dumps(self._manifest(begun, size), sort_keys=True).encode()
        _gateway(self._arguments).put(f"{self._folder}/{MANIFEST}", manifest)
        return manifest

    def _started(self, spool: Spool, said: IO[bytes]) -> subprocess.Popen[bytes]:
        arguments = self._arguments
        options = (
            "--format=directory", f"--jobs={arguments['processes']}", compression(arguments), "--no-sync",
            "--no-password", f"--port={arguments['port']}", f"--file={spool.path}", f"--dbname={arguments['database']}",
        )  # fmt: skip
        return started(self._account, [program(arguments, "pg_dump"), *options], said)

    def _follow(self, process: subprocess.Popen[bytes], spool: Spool) -> None:
        with ThreadPoolExecutor(self._workers) as pool:
            while True:
                ended = process.poll() is not None
                if ended and process.returncode != 0:
                    return
                ready = spool.ready(process.pid, ended=ended)
                for one, part in zip(ready, pool.map(lambda one: self._store(spool, one), ready)):  # noqa: B905  # 3.9
                    self._members.setdefault(one.name, []).extend(part)
                    spool.stored(one)
                    self._heed_bound(process, spool)
                self._heed_bound(process, spool)
                if ended:
                    return
                if not ready:
                    time.sleep(PAUSE)

    def _store(self, spool: Spool, ready: Ready) -> list[list[Any]]:
        """Named for its own content: another one under this name there is none. Memory: this part, and it sealed."""
        plain = spool.read(ready)
        if not plain:
            return []
        body = sealed(plain)
        name = hashlib.sha256(body).hexdigest()
        self._own_gateway().put(f"{self._folder}/{name}", body)
        return [[name, len(body), len(plain)]]

    def _heed_bound(self, process: subprocess.Popen[bytes], spool: Spool) -> None:
        """A storage slower than the database makes pg_dump wait, never the disk full."""
        used = spool.used()
        if used > self._bound and not self._waits:
            self._waits = _signalled(process, signal.SIGSTOP)
        elif used < self._bound / 2 and self._waits:
            _signalled(process, signal.SIGCONT)
            self._waits = False

    def _own_gateway(self) -> Gateway:
        """Of this thread."""
        if not hasattr(self._gateways, "mine"):
            self._gateways.mine = _gateway(self._arguments)
        found: Gateway = self._gateways.mine
        return found

    def _manifest(self, begun: float, size: int) -> Json:
        return {
            "format": "dump/1", "database": self._arguments["database"], "begun": begun, "ended": time.time(),
            "size": size, "server": postgres.ask(self._arguments, "SHOW server_version")[0][0],
            "members": self._members, "proof": proof(),
        }  # fmt: skip


def program(arguments: Json, name: str) -> str:
    """Beside the server itself, which so is of the same version and kind. Raises ActError."""
    try:
        with open(os.path.join(arguments["data"], "postmaster.pid"), encoding="ascii") as file:
            pid = int(file.readline())
        path = os.path.join(os.path.dirname(os.readlink(f"/proc/{pid}/exe")), name)
    except (OSError, ValueError):
        raise ActError(f"no server runs on {arguments['data']}") from None
    if not os.access(path, os.X_OK):
        raise ActError(f"{path} is not there: install the client programs of this server")
    return path


def started(account: str, command: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    """As the database's own account, in a process group of its own. What it says goes to `said`."""
    user = pwd.getpwnam(account)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": user.pw_dir,
                   "PGAPPNAME": "clmdeploy", "PGCONNECT_TIMEOUT": "15"}  # fmt: skip
    return subprocess.Popen(
        command, user=user.pw_uid, group=user.pw_gid, extra_groups=os.getgrouplist(account, user.pw_gid), umask=0o077,
        env=environment, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
    )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """It, and all that it has started."""
    _signalled(process, signal.SIGKILL)
    process.wait()


def _signalled(process: subprocess.Popen[bytes], number: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
        return True
    return False


def tail(said: IO[bytes]) -> str:
    """The end of what a program has said."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
    return said.read().decode("utf-8", "replace").strip()[-600:] or "it said nothing"


def _size(arguments: Json) -> int:
    return int(postgres.ask(arguments, "SELECT pg_database_size(current_database())")[0][0])


def _gateway(arguments: Json) -> Gateway:
    return Gateway(arguments["gateway"])


def compression(arguments: Json) -> str:
    """zstd came to pg_dump with PostgreSQL 16 (its release notes, E.1.3.9); before, gzip."""
    major = int(postgres.control(arguments)["version"].partition(".")[0])
    return "--compress=zstd:3" if major >= 16 else "--compress=3"


def parts_of(manifest: Json) -> Iterator[list[Any]]:
    """Name, stored and plain size of each object of a dump."""
    for parts in manifest["members"].values():
        yield from parts


def _told(stored: bytes, folder: str) -> Json:
    """Small: the parts stand in the manifest, and its digest in the signed point."""
    manifest = json.loads(stored)
    parts = list(parts_of(manifest))
    return {
        "label": folder.rpartition("/")[2], "digest": hashlib.sha256(stored).hexdigest(), "size": manifest["size"],
        "members": len(manifest["members"]), "parts": len(parts), "stored": sum(size for _, size, _ in parts),
        "server": manifest["server"], "ended": manifest["ended"],
    }  # fmt: skip
