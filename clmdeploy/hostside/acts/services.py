"""Units that belong to no release: their state, and how it is brought about."""

from __future__ import annotations

import subprocess
import time

from .call import ActError, Json

SETTLE = 2.0  # seconds after which a service that can't run has ended
_SHOWN = {"load": "LoadState", "enabled": "UnitFileState", "active": "ActiveState", "sub": "SubState"}


def state(name: str) -> Json:
    """`load`, `enabled`, `active` and `sub`, in systemd's words."""
    said = systemctl("show", f"--property={','.join(_SHOWN.values())}", name)
    found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return {key: found.get(word, "") for key, word in _SHOWN.items()}


def is_running(name: str) -> bool:
    """A timer counts as running while it waits for its time."""
    now = state(name)
    subs = ("waiting", "running", "elapsed") if name.endswith(".timer") else ("running",)
    return (now["enabled"], now["active"]) == ("enabled", "active") and now["sub"] in subs


def is_absent(name: str) -> bool:
    """Neither at work nor in boot; its file is nobody's concern here."""
    now = state(name)
    return now["active"] in ("inactive", "failed") and now["enabled"] != "enabled"


def is_masked(name: str) -> bool:
    return bool(state(name)["enabled"] == "masked")


def restart(name: str) -> None:
    """Into boot, and anew; raises ActError with the end of its journal when it does not stay up."""
    systemctl("enable", name)
    systemctl("reset-failed", name, check=False)
    try:
        systemctl("restart", name)
    except ActError as error:
        raise ActError(f"{error}\n{last_lines(name)}") from None
    if not name.endswith(".timer"):
        time.sleep(SETTLE)
    if not is_running(name):
        raise ActError(f"{name} does not stay up\n{last_lines(name)}")


def disable(name: str) -> None:
    """End it and take it out of boot; one that nobody knows is left alone."""
    if state(name)["load"] != "not-found":
        systemctl("disable", "--now", name)


def mask(name: str) -> None:
    systemctl("mask", "--now", name)


def put_back(name: str, before: Json) -> None:
    """As it was before: running or not, in boot or not. Its unit file must stand as it stood.

    What came masked with a package stays so: the package stays too, and would start it at the next boot.
    """
    if before["load"] != "not-found" and before["enabled"] != "masked" and is_masked(name):
        systemctl("unmask", name)
    if before["active"] in ("active", "activating", "reloading"):
        systemctl("enable" if before["enabled"] == "enabled" else "disable", name, check=False)
        systemctl("restart", name)


def stop_unless(name: str, before: Json) -> None:
    """While its unit file still stands: end what did not run before, and take it out of boot."""
    if before["active"] not in ("active", "activating", "reloading"):
        systemctl("stop", name, check=False)
        systemctl("reset-failed", name, check=False)  # some call it a failure to be ended
        if before["enabled"] not in ("enabled", "masked") and not is_masked(name):
            systemctl("disable", name, check=False)


def last_lines(name: str) -> str:
    command = ["journalctl", "--unit", name, "--lines", "15", "--no-pager", "--output", "cat"]
    finished = subprocess.run(command, capture_output=True, errors="replace", timeout=20, check=False)
    return finished.stdout[-1500:]


def systemctl(verb: str, *words: str, check: bool = True) -> str:
    """Its standard output. Raises ActError."""
    try:
        finished = subprocess.run(["systemctl", verb, *words], capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise ActError(f"systemctl {verb} {' '.join(words)}: no end after 300 s") from None
    if check and finished.returncode != 0:
        raise ActError(f"systemctl {verb} {' '.join(words)}: {finished.stderr.strip()[-500:]}")
    return finished.stdout
