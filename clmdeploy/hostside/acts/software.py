"""Programs that come from no package: which version is here. Read only."""

from __future__ import annotations

import shutil
import subprocess

from .call import Call, Json

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def ask(call: Call) -> Json:
    """`arguments`: programs: name → words that make it tell its version. `said`: name → path and the begin of that."""
    return {"said": {name: _said(name, words) for name, words in call.arguments["programs"].items()}}


def _said(name: str, words: list[str]) -> Json:
    path = shutil.which(name, path=_PATH)
    if path is None:
        return {"path": None, "version": ""}
    finished = subprocess.run(
        [path, *words], capture_output=True, errors="replace", timeout=20, check=False, stdin=subprocess.DEVNULL,
        env={"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
    )  # fmt: skip
    return {"path": path, "version": finished.stdout[:300]}
