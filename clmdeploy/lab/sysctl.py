"""The two settings of the machine that a lab raises; they are put back when the last lab goes."""

from __future__ import annotations

import json
from pathlib import Path

# Routing lets hosts reach the mirror. systemd takes several inotify instances a host, all charged to one user: the
# kernel's 128 are gone after fifteen hosts.
WANTED = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 8192}
_PROC = Path("/proc/sys")
_SAVED = "sysctl.json"


def raise_settings(state: Path, proc: Path = _PROC) -> None:
    """Raise what is too low, writing down first what was there. The caller holds the lock of `state`."""
    saved = state / _SAVED
    before: dict[str, int] = json.loads(saved.read_text()) if saved.exists() else {}
    for key, wanted in WANTED.items():
        value = int((proc / key).read_text())
        if value < wanted:
            before.setdefault(key, value)
    saved.write_text(json.dumps(before))
    for key, wanted in WANTED.items():
        if int((proc / key).read_text()) < wanted:
            (proc / key).write_text(str(wanted))


def put_settings_back(state: Path, proc: Path = _PROC) -> None:
    """Put back what was raised, unless somebody has changed it since. The caller holds the lock of `state`."""
    saved = state / _SAVED
    if not saved.exists():
        return
    for key, value in json.loads(saved.read_text()).items():
        if int((proc / key).read_text()) == WANTED[key]:
            (proc / key).write_text(str(value))
    saved.unlink()
