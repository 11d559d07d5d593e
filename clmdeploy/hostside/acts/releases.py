"""Hands out the records of releases that are whole on this host, with their signatures as published."""

from __future__ import annotations

import base64
import os
import zlib

from .call import ActError, Call, Json
from .layout import MARK, SIGNATURE, release_path, staged

MOST = 2 * 1024 * 1024  # bytes, compressed: in base64 they still fit the guard's reply


def ask(call: Call) -> Json:
    """`arguments`: root, version. Answers `releases`: directory → record (zlib, base64) and signature."""
    root, wanted = call.arguments["root"], call.arguments["version"]
    names = [name for name in staged(root) if name.rpartition("-")[0] == wanted]
    return {"releases": {name: _record(release_path(root, name)) for name in names}}


def _record(path: str) -> Json:
    packed = zlib.compress(_read(os.path.join(path, MARK)))
    if len(packed) > MOST:
        raise ActError(f"{path}: its record is too large to be handed out")
    signature = os.path.join(path, SIGNATURE)
    signed = _read(signature).decode() if os.path.exists(signature) else ""
    return {"record": base64.b64encode(packed).decode(), "signature": signed}


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
