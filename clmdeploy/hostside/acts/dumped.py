"""Whether all of a dump is in the backup storage, as the restore point knows it, and there is room for it here."""

from __future__ import annotations

import os

from . import undump
from .call import ActError, Call, Json
from .dump import parts_of
from .gateway import Gateway
from .spool import PLACE


def perform(call: Call) -> Json:
    """`arguments`: gateway, folder, database, digest (of the manifest).

    By names and sizes; raises ActError naming what lacks.
    """
    arguments = call.arguments
    manifest = undump.manifest_of(arguments)
    there = Gateway(arguments["gateway"]).sizes(arguments["folder"])
    lacking = sorted(name for name, size, _ in parts_of(manifest) if there.get(name) != size)
    if lacking:
        raise ActError(f"{arguments['folder']}: {len(lacking)} objects are not there as stored, {lacking[0]} first")
    _refuse_full(sum(size for _, _, size in parts_of(manifest)))
    return {"members": len(manifest["members"]), "server": manifest["server"]}


def probe(_call: Call) -> Json:
    """It is looked at again."""
    return {"state": "not-done"}


def _refuse_full(size: int) -> None:
    os.makedirs(PLACE, mode=0o711, exist_ok=True)
    space = os.statvfs(PLACE)
    free = space.f_bavail * space.f_frsize
    if free < size:
        raise ActError(f"{PLACE}: the dump needs {size // 1024**2 + 1} MiB there, {free // 1024**2} are free")
