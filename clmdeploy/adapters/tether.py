"""Runs one program that must not outlive the process which started this one. Standard library only, a program itself.

    python -IS tether.py PARENT PROGRAM [ARGUMENT]...

When the process PARENT is gone, everything that came of PROGRAM is ended: first asked (SIGTERM), then forced (SIGKILL).
PR_SET_PDEATHSIG on PROGRAM alone would not do: it follows the thread that forked (prctl(2)), and Ansible's workers and
their ssh live in sessions of their own. So this process adopts all orphans below it (PR_SET_CHILD_SUBREAPER) and looks
whether it still has the parent that it began with, which no thread and no reuse of a process ID can blur.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LOOK = 0.2  # seconds between two looks at the parent
GRACE = 2.0  # seconds between asking and forcing
LIMIT = 10.0  # seconds until what even force does not end (a dead network file system) is left to others
HEARD = {signal.SIGCHLD, signal.SIGTERM}
ENDED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    """The program's own exit code, 128 + N when signal N ended it (or us)."""
    parent, command = int(arguments[1]), arguments[2:]
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    if os.getppid() != parent:
        return ENDED
    program = os.fork()
    if program == 0:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # if somebody kills this process by force
        _become(command)
    return _watch(parent, program)


def _become(command: list[str]) -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
    try:
        os.execvp(command[0], command)  # noqa: S606  # an argument vector: no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


def _watch(parent: int, program: int) -> int:
    while True:
        heard = signal.sigtimedwait(HEARD, LOOK)
        code = _reap().get(program)
        if code is not None:
            return code
        if os.getppid() != parent or (heard and heard.si_signo == signal.SIGTERM):
            _end_all()
            return ENDED


def _reap() -> dict[int, int]:
    """Exit codes of all that have ended, also of the adopted."""
    codes: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return codes
        if pid == 0:
            return codes
        code = os.waitstatus_to_exitcode(status)
        codes[pid] = code if code >= 0 else 128 - code


def _end_all() -> None:
    begun, asked = time.monotonic(), set[int]()
    while living := set(_descendants(os.getpid())):
        spent = time.monotonic() - begun
        if spent > LIMIT:
            return
        for pid in living if spent > GRACE else living - asked:
            _signal(pid, signal.SIGKILL if spent > GRACE else signal.SIGTERM)
        asked |= living
        signal.sigtimedwait(HEARD, LOOK)
        _reap()


def _signal(pid: int, number: int) -> None:
    # It ended by itself meanwhile, or is another account's by now (a setuid program): the others must end even so.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _descendants(root: int) -> Iterator[int]:
    """Everything below `root` that lives, however deep."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        parent = _parent(name)
        if parent is not None:
            children.setdefault(parent, []).append(int(name))
    waiting = children.get(root, [])
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _parent(pid: str) -> int | None:
    """None for what is gone, or has ended and only waits for its parent to notice."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state in "ZX" else int(parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
