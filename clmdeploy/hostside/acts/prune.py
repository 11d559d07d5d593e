"""Removes old releases from the host: never the current one, a rollback target, or a pinned one."""

from __future__ import annotations

import os
import shutil

from . import record
from .call import Call, Json
from .layout import current, release_path, releases, remove_release, staged


def perform(call: Call) -> Json:
    """`arguments`: root, keep (how many releases of the ledger stay, beside the current one), pinned (names)."""
    root = call.arguments["root"]
    own = record.read()
    ledger = (own.get("ledger") or [])[-call.arguments["keep"] :]
    kept = {current(root), *ledger, *call.arguments["pinned"]}
    doomed = [name for name in staged(root) if name not in kept]
    for name in doomed:
        remove_release(release_path(root, name))
    for name in os.listdir(releases(root)):
        if name.startswith(".removing-"):
            shutil.rmtree(os.path.join(releases(root), name), ignore_errors=True)
    record.update(ledger=ledger)
    return {"removed": doomed}


def probe(_call: Call) -> Json:
    """Pruning twice does nothing: it may always be done again."""
    return {"state": "not-done"}
