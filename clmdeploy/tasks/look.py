"""Looks at one host as its SSH user, without the guard: what `doctor` asks of hosts that may be bare."""

from __future__ import annotations

import json
import time
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import ValidationError

from clmdeploy.model.checks import HostLook
from clmdeploy.model.faults import printable
from clmdeploy.tasks.exchange import exchange

if TYPE_CHECKING:
    from fabric import Connection

TIMEOUT = 15
NO_PYTHON = ("there is no /usr/bin/python3", "apt install python3-minimal on that host")


def look(connection: Connection, root: str, guard: str) -> HostLook:
    """What the host says of itself. `root`: install root; `guard`: path of the guard.

    Raises what `exchange` raises when the connection breaks or stays silent.
    """
    script = (files("clmdeploy.hostside") / "look.py").read_bytes()
    begun, since = time.time(), time.monotonic()
    answer = exchange(connection, ["/usr/bin/python3", "-IS", "-", root, guard], script, TIMEOUT)
    middle = begun + (time.monotonic() - since) / 2
    if answer.code == 127:
        return HostLook(reachable=False, cause=NO_PYTHON[0], remedy=NO_PYTHON[1])
    return _read(answer.stdout, answer.stderr, middle)


def _read(stdout: bytes, stderr: bytes, middle: float) -> HostLook:
    try:
        found = json.loads(stdout)
        clock, root = float(found.pop("clock")), bool(found.pop("root"))
        granted = {key: bool(found[key]) or root for key in ("may_become_root", "may_run_guard")}
        return HostLook.model_validate({**found, **granted, "reachable": True, "skew": clock - middle})
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        said = printable((stderr or stdout).decode(errors="replace").strip()[-300:])
        return HostLook(
            reachable=False, cause=f"it logs in, but gave no answer: {said}", remedy="see that host's shell and Python"
        )
