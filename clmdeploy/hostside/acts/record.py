"""The host's own record: what runs here and what ran before. Acts write it under the guard's lock."""

from __future__ import annotations

import json
import os

from .call import ActError, Json

PATH = "/var/lib/clmdeploy/host.json"


def read() -> Json:
    try:
        with open(PATH, encoding="utf-8") as file:
            return json.load(file)  # type: ignore[no-any-return]  # checked by its readers, key by key
    except FileNotFoundError:
        raise ActError("this host has no record of its own: run `clmdeploy host setup`") from None


def update(**changes: object) -> None:
    """Change some keys, durably and atomically: after a power cut there is the old record or the new."""
    replace_file(PATH, json.dumps({**read(), **changes}, sort_keys=True).encode(), 0o600)


def replace_file(path: str, content: bytes, mode: int) -> None:
    """Write beside, flush, rename, flush the directory."""
    beside = path + ".new"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)
    flush_directory(os.path.dirname(path))


def flush_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
