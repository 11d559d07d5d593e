"""Puts a dump back as the database: fetched whole and held against its digests first, then by the server's pg_restore.

What stood before is renamed aside, and dropped only when the dump is back as a whole; else it gets its name again.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import postgres
from .call import ActError, Call, Json
from .dump import MANIFEST, MOST_WORKERS, end, program, started, tail
from .gateway import Gateway
from .sealing import opens, unsealed
from .spool import PLACE, TOC, Spool

ASIDE = "-before-restore"
DONE = os.path.join(PLACE, "restored")
_END_CONNECTIONS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
_LISTED = "SELECT 1 FROM pg_database"
_RENAMING, _DROPPING = 120, 3600  # seconds


def perform(call: Call) -> Json:
    """`arguments`: data, port, database, gateway, folder, digest (of the manifest), processes."""
    arguments = call.arguments
    manifest = manifest_of(arguments)
    spool = Spool(postgres.owner(arguments), "restore")
    try:
        work = _Restore(arguments, manifest, spool)
        work.fetch()
        aside = _set_aside(arguments)
        try:
            work.run()
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


def manifest_of(arguments: Json) -> Json:
    """As the signed point knows it, and for this database and passphrase. Raises ActError."""
    name = f"{arguments['folder']}/{MANIFEST}"
    stored = Gateway(arguments["gateway"]).get(name)
    if stored is None:
        raise ActError(f"{name} is not there")
    if hashlib.sha256(stored).hexdigest() != arguments["digest"]:
        raise ActError(f"{name} is not the one that the restore point was made with")
    found: Json = json.loads(stored)
    if found["database"] != arguments["database"]:  # pg_restore would make it under the name that it had
        raise ActError(
            f"a dump of {found['database']}, but database.name is {arguments['database']}: set it to the former"
        )
    if not opens(found["proof"]):
        raise ActError("backup.database.passphrase is not the one that this dump was made with")
    return found


class _Restore:
    """One run of pg_restore, which takes nothing but regular files: so all of the dump lies on the disk meanwhile."""

    def __init__(self, arguments: Json, manifest: Json, spool: Spool) -> None:
        self._arguments, self._spool = arguments, spool
        self._members: dict[str, list[list[Any]]] = manifest["members"]
        self._account = postgres.owner(arguments)

    def fetch(self) -> None:
        """Every member, by its digests. Raises ActError before anything was touched."""
        if TOC not in self._members:
            raise ActError("this dump has no table of contents")
        with ThreadPoolExecutor(max(1, min(MOST_WORKERS, self._arguments["processes"]))) as pool:
            for fetched in [pool.submit(self._fetch, name) for name in self._members]:
                fetched.result()

    def run(self) -> None:
        """--create: owner, encoding, settings and rights of the database come from the dump. Raises ActError."""
        arguments = self._arguments
        options = (
            "--format=directory", "--create", f"--jobs={arguments['processes']}", "--exit-on-error", "--no-password",
            f"--port={arguments['port']}", "--dbname=postgres", self._spool.path,
        )  # fmt: skip
        with tempfile.TemporaryFile() as said:
            process = started(self._account, [program(arguments, "pg_restore"), *options], said)
            try:
                process.wait()
            finally:
                end(process)
            if process.returncode != 0:
                raise ActError(f"pg_restore ended with {process.returncode}: {tail(said)}")

    def _fetch(self, name: str) -> None:
        gateway, user = Gateway(self._arguments["gateway"]), pwd.getpwnam(self._account)
        path = os.path.join(self._spool.path, os.path.basename(name))
        try:
            with open(path, "xb") as file:
                os.fchown(file.fileno(), user.pw_uid, user.pw_gid)
                for part in self._members[name]:
                    file.write(self._part(gateway, part))
        except OSError as error:
            raise ActError(f"{path}: {error.strerror}") from None
        finally:
            gateway.close()

    def _part(self, gateway: Gateway, part: list[Any]) -> bytes:
        digest, _, size = part
        body = gateway.get(f"{self._arguments['folder']}/{digest}")
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            raise ActError(f"{self._arguments['folder']}/{digest} is {'gone' if body is None else 'damaged'}")
        plain = unsealed(body)
        if len(plain) != size:
            raise ActError(f"{self._arguments['folder']}/{digest}: the passphrase opens something else")
        return plain


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
    postgres.ask({**arguments, "database": "postgres"}, _of_database(_END_CONNECTIONS, name))


def _exists(arguments: Json, name: str) -> bool:
    return bool(postgres.ask({**arguments, "database": "postgres"}, _of_database(_LISTED, name)))


def _of_database(statement: str, name: str) -> str:
    return f"{statement} WHERE datname = {_text(name)}"


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
