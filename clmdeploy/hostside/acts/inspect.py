"""Runs one command of an administrator in a box: it sees what the service user sees and changes no file.

The box is systemd's (systemd.exec(5)): the whole file system read-only, /tmp private and thrown away, no privileges,
no signals to others, bounded time, memory and output. Requests over the network are not held back: asking a health
endpoint is what people come for.
"""

from __future__ import annotations

import grp
import pwd
import subprocess
import tempfile
import time

from .call import ActError, Call, Json

RUN = "/run/clmdeploy"
MOST_OUTPUT = 256 * 1024  # bytes of each stream: escaped as JSON it still fits the guard's reply
# Not ProtectKernelTunables and ProtectControlGroups: with them systemd 257 leaves /run and other mounts writable inside
# containers. Without capabilities nothing can be written below /proc/sys or /sys anyway.
BOX = (
    "ProtectSystem=strict", "ReadOnlyPaths=/ -/run -/run/lock -/dev/shm -/dev/mqueue", "ProtectHome=read-only",
    "PrivateTmp=yes", "PrivateDevices=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectClock=yes",
    "ProtectHostname=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes",
    "RestrictNamespaces=yes", "LockPersonality=yes",
    "SystemCallFilter=~kill tkill tgkill pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo",
    "SystemCallErrorNumber=EPERM", "UMask=0077", "MemoryMax=512M", "TasksMax=256", f"LimitFSIZE={MOST_OUTPUT}",
    "KillMode=control-group", "TimeoutStopSec=2",
)  # fmt: skip


def ask(call: Call) -> Json:
    """`arguments`: command (argument vector), user, root, limit (seconds). A command that fails is still an answer."""
    arguments = call.arguments
    account = _account(arguments["user"])
    begun = time.monotonic()
    with tempfile.TemporaryFile(dir=RUN) as out, tempfile.TemporaryFile(dir=RUN) as err:
        code = _boxed(arguments, account, out.fileno(), err.fileno())
        stdout, stderr = _read(out), _read(err)
    if time.monotonic() - begun >= arguments["limit"]:
        raise ActError(f"{arguments['command'][0]}: no end after {arguments['limit']} s")
    return {
        "code": code, "user": account,
        "stdout": stdout.decode(errors="replace"), "stderr": stderr.decode(errors="replace"),
        "cut": max(len(stdout), len(stderr)) >= MOST_OUTPUT,
    }  # fmt: skip


def _boxed(arguments: Json, account: str, out: int, err: int) -> int:
    properties = (
        *BOX, f"User={account}", f"SupplementaryGroups={_journal_group()}", f"RuntimeMaxSec={arguments['limit']}",
        f"WorkingDirectory=-{arguments['root']}/current",
    )  # fmt: skip
    # systemd would put variables into the command line (systemd.service(5)): a doubled dollar is a dollar.
    command = [word.replace("$", "$$") for word in arguments["command"]]
    finished = subprocess.run(
        ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec", "--setenv=LC_ALL=C.UTF-8",
         *(f"--property={one}" for one in properties), "--", *command],
        stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=arguments["limit"] + 20, check=False,
    )  # fmt: skip
    return finished.returncode


def _read(file) -> bytes:  # type: ignore[no-untyped-def]  # a file of tempfile's own type
    file.seek(0)
    return file.read(MOST_OUTPUT)  # type: ignore[no-any-return]


def _account(user: str) -> str:
    """The service user; a balancer has none."""
    try:
        return pwd.getpwnam(user).pw_name
    except KeyError:
        return "nobody"


def _journal_group() -> str:
    try:
        return grp.getgrnam("systemd-journal").gr_name
    except KeyError:
        return ""
