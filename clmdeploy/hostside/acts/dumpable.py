"""Whether this host can dump its database: the programs, the right to, the room, the passphrase, the gateway."""

from __future__ import annotations

import os
import tempfile

from . import postgres
from .call import ActError, Call, Json
from .dump import BOUND, compression, program, started
from .gateway import Gateway
from .sealing import sealed, unsealed
from .spool import PLACE

TIMEOUT = 240  # seconds: a dump of the schema waits for whoever changes it


def perform(call: Call) -> Json:
    """`arguments`: data, port, database, gateway, processes. Raises ActError naming what stands against it."""
    arguments = call.arguments
    _refuse_full()
    if unsealed(sealed(b"clm")) != b"clm":
        raise ActError("what is encrypted here can't be decrypted: is openssl whole?")
    Gateway(arguments["gateway"]).get("config")
    _dump_schema(arguments)
    return {"server": postgres.ask(arguments, "SHOW server_version")[0][0]}


def probe(_call: Call) -> Json:
    """It is checked again."""
    return {"state": "not-done"}


def _refuse_full() -> None:
    os.makedirs(PLACE, mode=0o711, exist_ok=True)
    space = os.statvfs(PLACE)
    free = space.f_bavail * space.f_frsize
    if free < 2 * BOUND:
        raise ActError(f"{PLACE}: {free // 1024**2} MiB are free, {2 * BOUND // 1024**2} are needed")


def _dump_schema(arguments: Json) -> None:
    """It needs the same rights and locks, and tells what is missing."""
    command = [
        program(arguments, "pg_dump"), "--schema-only", "--format=custom", compression(arguments), "--file=/dev/null",
        "--no-sync", "--no-password", f"--port={arguments['port']}", f"--dbname={arguments['database']}",
        "--lock-wait-timeout=60s",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as said:
        process = started(postgres.owner(arguments), command, said)
        try:
            process.wait(TIMEOUT)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            said.seek(0)
            raise ActError(f"pg_dump: {said.read(2000).decode('utf-8', 'replace').strip()[:600]}")
