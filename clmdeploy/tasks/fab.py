"""Read-only Fabric tasks that also run alone, without any environment: `fab -r clmdeploy/tasks -c fab -H HOST facts`.

Fabric's own default accepts any host key; here it must stand in a known_hosts file: $CLM_KNOWN_HOSTS, else the user's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from fabric import task

from clmdeploy.tasks.exchange import exchange
from clmdeploy.tasks.look import look

if TYPE_CHECKING:
    from fabric import Connection

GUARD = "/usr/local/lib/clmdeploy/guard"
LOG_LIMIT = 60  # seconds


@task  # type: ignore[untyped-decorator]  # fabric ships no types
def facts(connection: Connection, root: str = "/opt/clm") -> None:
    """Print as JSON what a host says of itself; ROOT is where releases are installed."""
    _trusting_pinned_keys(connection)
    print(json.dumps(look(connection, root, GUARD).model_dump(mode="json"), indent=2))  # a task's output


@task  # type: ignore[untyped-decorator]  # fabric ships no types
def logs(connection: Connection, unit: str, lines: int = 50) -> None:
    """Print the newest LINES of a UNIT's journal, as far as the SSH user may read it."""
    _trusting_pinned_keys(connection)
    command = ["journalctl", "--no-pager", "--output=short-iso", f"--lines={int(lines)}", f"--unit={unit}"]
    answer = exchange(connection, command, b"", LOG_LIMIT)
    print((answer.stdout + answer.stderr).decode(errors="backslashreplace"), end="")  # a task's output


def _trusting_pinned_keys(connection: Connection) -> None:
    """Open the connection. Raises paramiko.SSHException for a host whose key is not pinned, or is another."""
    pinned = os.environ.get("CLM_KNOWN_HOSTS") or Path.home() / ".ssh" / "known_hosts"
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    connection.client.load_host_keys(str(pinned))
    connection.open()
