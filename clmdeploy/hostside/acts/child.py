"""Runs one program to its end: as a user, for a limited time, with bounded memory; nothing of it outlives it."""

from __future__ import annotations

import contextlib
import os
import pwd
import selectors
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from typing import IO, NamedTuple

from .call import ActError

CHUNK = 65536
TAIL = 65536  # bytes of the end that are kept of what is too long
PATIENCE = 60.0  # seconds from SIGTERM to SIGKILL: pgBackRest before 2.58 may hang in SIGTERM (#2710)
LONGEST_LINE = 16384
STRAGGLERS = 5.0  # seconds for the rest of its output, once it has ended


class Spoken(NamedTuple):
    """How it ended. `code` below 0 is the number of the signal; `cut`: lines in the middle of stdout are left out.

    `late`: it had not ended in its time.
    """

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool
    late: bool


def account_of(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise ActError(f"there is no user {user} on this host: run `clmdeploy backup setup`") from None


class Kept:
    """A stream: whole up to `most` bytes, else whole lines from both its ends. Tells each line to `hear`."""

    def __init__(self, most: int, hear: Callable[[bytes], None]) -> None:
        self._most, self._hear = most, hear
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._line = bytearray()
        self.cut = False

    def take(self, chunk: bytes) -> None:
        self._lines(chunk)
        room = self._most - len(self._head)
        self._head += chunk[:room]
        if rest := chunk[max(0, room) :]:
            self._tail.append(rest)
            self._tail_size += len(rest)
            while self._tail_size - len(self._tail[0]) >= TAIL:
                self._tail_size -= len(self._tail.popleft())
                self.cut = True

    def whole(self) -> bytes:
        """Cut at ends of lines: of a secret that is cut in two, the rest would not be known again."""
        if not self.cut:
            return bytes(self._head) + b"".join(self._tail)
        head = bytes(self._head)
        return head[: head.rfind(b"\n") + 1] + b"".join(self._tail).partition(b"\n")[2]

    def _lines(self, chunk: bytes) -> None:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            if len(self._line) + len(part) <= LONGEST_LINE:
                self._hear(bytes(self._line) + part)
            self._line.clear()
        if len(self._line) <= LONGEST_LINE:
            self._line += rest[: LONGEST_LINE + 1]


class Child:
    """One program that is to run."""

    def __init__(self, account: pwd.struct_passwd, environment: dict[str, str], timeout: float, keep: int) -> None:
        self._account, self._environment, self._keep = account, environment, keep
        self._deadline = time.monotonic() + timeout
        self._ended = 0.0
        self._late = False
        self.hear: Callable[[bytes], None] = lambda _line: None

    def run(self, argv: list[str], stdin: bytes) -> Spoken:
        """Without a shell, in a process group of its own, of which nothing is left afterwards."""
        with tempfile.TemporaryFile() as told:
            told.write(stdin)
            told.seek(0)
            process = self._start(argv, told)
        out, err = Kept(self._keep, self.hear), Kept(TAIL, self.hear)
        try:
            self._listen(process, out, err)
        finally:
            _end(process, signal.SIGKILL)
            process.wait()
        return Spoken(process.returncode, out.whole(), err.whole(), out.cut, self._late)

    def _start(self, argv: list[str], stdin: IO[bytes]) -> subprocess.Popen[bytes]:
        account = self._account
        # what is no UTF-8 in an argument came as surrogates, and is given on as the bytes that it was
        words = [os.fsencode(word) for word in argv]
        groups = os.getgrouplist(account.pw_name, account.pw_gid) if os.geteuid() == 0 else None
        try:
            return subprocess.Popen(
                words, cwd="/", env=self._environment, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                user=account.pw_uid, group=account.pw_gid, extra_groups=groups, start_new_session=True, umask=0o077,
            )  # fmt: skip
        except OSError as error:
            raise ActError(f"{argv[0]}: {error.strerror}") from None

    def _listen(self, process: subprocess.Popen[bytes], out: Kept, err: Kept) -> None:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018  # pipes, as asked for
        with selectors.DefaultSelector() as selector, process.stdout, process.stderr:
            for stream, kept in ((process.stdout, out), (process.stderr, err)):
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ, kept)
            while not self._is_over(process) and selector.get_map():
                for key, _events in selector.select(0.5):
                    chunk = os.read(key.fd, CHUNK)
                    if chunk:
                        key.data.take(chunk)
                    else:
                        selector.unregister(key.fileobj)
        while not self._is_over(process) and not self._ended:
            time.sleep(0.02)

    def _is_over(self, process: subprocess.Popen[bytes]) -> bool:
        """Ended so long ago that nothing follows but from who holds its pipes open; or it does not heed SIGTERM."""
        now = time.monotonic()
        if not self._ended and _has_ended(process):
            self._ended = now
            _end(process, signal.SIGKILL)  # what it has left behind
        if self._ended:
            return now > self._ended + STRAGGLERS
        if now > self._deadline and not self._late:
            self._late = True
            _end(process, signal.SIGTERM)
        return now > self._deadline + PATIENCE


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """It is not waited for yet: its number stays its own, and its group's, until all of that is ended."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes], number: int) -> None:
    """All of its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
