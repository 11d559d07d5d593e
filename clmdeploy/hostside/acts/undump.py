"""Puts a dump back as the database, streamed from the backup storage: pipes stand where pg_restore looks for members.

What stood before is renamed aside, and dropped only when the dump is back as a whole; else it gets its name again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pwd
import signal
import subprocess
import tempfile
import threading
import time
from typing import IO, Any

from . import postgres
from .call import ActError, Call, Json
from .dump import MANIFEST, parts_of, program, started
from .gateway import Gateway
from .sealing import unsealed
from .spool import PLACE, TOC, Spool

PAUSE = 0.02  # seconds
ASIDE = "-before-restore"
DONE = os.path.join(PLACE, "restored")
_RENAMING, _DROPPING = 120, 3600  # seconds


def perform(call: Call) -> Json:
    """`arguments`: data, port, database, gateway, folder, digest (of the manifest), processes."""
    arguments = call.arguments
    manifest = manifest_of(arguments)
    spool = Spool(postgres.owner(arguments), "restore")
    try:
        aside = _set_aside(arguments)
        try:
            _Restore(arguments, manifest, spool).run()
        except (ActError, OSError):
            _put_back(arguments, aside=aside)
            raise
        _note(call)
        _drop(arguments, arguments["database"] + ASIDE)
    finally:
        spool.remove()
    return {"restored": arguments["folder"], "members": len(manifest["members"])}


def probe(call: Call) -> Json:
    """While what stood before is there under its other name, it is half done."""
    arguments = call.arguments
    if _exists(arguments, arguments["database"] + ASIDE):
        return {"state": "partial"}
    return {"state": "done", "restored": arguments["folder"]} if _is_noted(call) else {"state": "not-done"}


def ask(call: Call) -> Json:
    """Whether all of a dump is there, by names and sizes. Raises ActError naming what is not."""
    manifest = manifest_of(call.arguments)
    there = Gateway(call.arguments["gateway"]).sizes(call.arguments["folder"])
    lacking = sorted(name for name, size, _ in parts_of(manifest) if there.get(name) != size)
    if lacking:
        raise ActError(f"{call.arguments['folder']}: {len(lacking)} objects are not there as stored: {lacking[0]}")
    return {"members": len(manifest["members"]), "server": manifest["server"]}


def manifest_of(arguments: Json) -> Json:
    """As the signed point knows it. Raises ActError."""
    name = f"{arguments['folder']}/{MANIFEST}"
    stored = Gateway(arguments["gateway"]).get(name)
    if stored is None:
        raise ActError(f"{name} is not there")
    if hashlib.sha256(stored).hexdigest() != arguments["digest"]:
        raise ActError(f"{name} is not the one that the restore point was made with")
    found: Json = json.loads(stored)
    return found


class _Restore:
    """One run of pg_restore, fed member by member, in whatever order it asks."""

    def __init__(self, arguments: Json, manifest: Json, spool: Spool) -> None:
        self._arguments, self._spool = arguments, spool
        self._members: dict[str, list[list[Any]]] = manifest["members"]
        self._account = pwd.getpwnam(postgres.owner(arguments))
        self._fault = ""

    def run(self) -> None:
        """Raises ActError unless all of it came, and pg_restore is content."""
        if TOC not in self._members:
            raise ActError("this dump has no table of contents")
        self._lay_out()
        with tempfile.TemporaryFile() as said:
            process = self._started(said)
            try:
                left = self._feed(process)
            finally:
                _end(process)
            if self._fault:
                raise ActError(self._fault)
            if process.returncode != 0:
                said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
                words = said.read().decode("utf-8", "replace").strip()[-600:]
                raise ActError(f"pg_restore ended with {process.returncode}: {words}")
            if left:
                raise ActError(f"pg_restore ended without reading {len(left)} members, {min(left)} first")

    def _lay_out(self) -> None:
        for name in self._members:
            path = os.path.join(self._spool.path, name)
            if name == TOC:
                with open(path, "wb") as file:
                    for part in self._members[name]:
                        file.write(self._fetched(Gateway(self._arguments["gateway"]), part))
            else:
                os.mkfifo(path, 0o600)
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _started(self, said: IO[bytes]) -> subprocess.Popen[bytes]:
        """--create: owner, encoding, settings and rights of the database come from the dump."""
        arguments = self._arguments
        options = (
            "--format=directory", "--create", f"--jobs={arguments['processes']}", "--exit-on-error", "--no-password",
            f"--port={arguments['port']}", "--dbname=postgres", self._spool.path,
        )  # fmt: skip
        return started(self._account.pw_name, [program(arguments, "pg_restore"), *options], said)

    def _feed(self, process: subprocess.Popen[bytes]) -> set[str]:
        """Names of the members that were not asked for."""
        waiting, feeders = set(self._members) - {TOC}, []
        while process.poll() is None:
            for name in sorted(waiting):
                pipe = _asked_for(os.path.join(self._spool.path, name))
                if pipe is not None:
                    waiting.discard(name)
                    feeder = threading.Thread(target=self._fill, args=(name, pipe, process), daemon=True)
                    feeder.start()
                    feeders.append(feeder)
            time.sleep(PAUSE)
        for feeder in feeders:
            feeder.join()
        return waiting

    def _fill(self, name: str, pipe: int, process: subprocess.Popen[bytes]) -> None:
        """The end of a pipe is the end of a member for pg_restore: it must be gone before one that lacks bytes ends."""
        gateway = Gateway(self._arguments["gateway"])
        try:
            for part in self._members[name]:
                _write(pipe, self._fetched(gateway, part))
        except (ActError, OSError) as error:
            self._fault = self._fault or ("" if isinstance(error, BrokenPipeError) else f"{name}: {error}")
            _end(process)
        finally:
            os.close(pipe)
            gateway.close()

    def _fetched(self, gateway: Gateway, part: list[Any]) -> bytes:
        digest, _, size = part
        body = gateway.get(f"{self._arguments['folder']}/{digest}")
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise ActError(f"{self._arguments['folder']}/{digest} is {'gone' if body is None else 'damaged'}")
        plain = unsealed(body)
        if len(plain) != size:
            raise ActError(f"{self._arguments['folder']}/{digest}: the passphrase opens something else")
        return plain


def _asked_for(path: str) -> int | None:
    """The pipe to write to, once somebody waits at its other end."""
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    os.set_blocking(pipe, True)
    return pipe


def _write(pipe: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(pipe, view) :]


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _set_aside(arguments: Json) -> bool:
    """Whether there was a database. Of an attempt that was cut off, what stood before it is kept."""
    name, aside = arguments["database"], arguments["database"] + ASIDE
    if _exists(arguments, aside):
        _drop(arguments, name)
    elif _exists(arguments, name):
        _rename(arguments, name, aside)
    return _exists(arguments, aside)


def _put_back(arguments: Json, *, aside: bool) -> None:
    if aside:
        _drop(arguments, arguments["database"])
        _rename(arguments, arguments["database"] + ASIDE, arguments["database"])


def _rename(arguments: Json, name: str, wanted: str) -> None:
    _end_connections(arguments, name)
    postgres.ask({**arguments, "database": "postgres"}, f"ALTER DATABASE {_quoted(name)} RENAME TO {_quoted(wanted)}",
                 _RENAMING)  # fmt: skip


def _drop(arguments: Json, name: str) -> None:
    _end_connections(arguments, name)
    postgres.ask({**arguments, "database": "postgres"}, f"DROP DATABASE IF EXISTS {_quoted(name)}", _DROPPING)


def _end_connections(arguments: Json, name: str) -> None:
    ending = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = " + _text(name)
    postgres.ask({**arguments, "database": "postgres"}, ending)


def _exists(arguments: Json, name: str) -> bool:
    asked = "SELECT 1 FROM pg_database WHERE datname = " + _text(name)
    return bool(postgres.ask({**arguments, "database": "postgres"}, asked))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _note(call: Call) -> None:
    """For a probe: the database itself does not tell which dump it came from."""
    with open(DONE, "w", encoding="utf-8") as file:
        file.write(_named(call))


def _is_noted(call: Call) -> bool:
    try:
        with open(DONE, encoding="utf-8") as file:
            return file.read(1000) == _named(call)
    except FileNotFoundError:
        return False


def _named(call: Call) -> str:
    return f"{call.arguments['change']} {call.arguments['folder']}"
