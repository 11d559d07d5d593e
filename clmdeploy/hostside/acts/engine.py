"""Lets a backup engine work: its commands one after the other until one fails. What they said goes back, bounded."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import time
import zlib

from .call import ActError, Call, Json
from .child import Child, Spoken, account_of
from .commands import without_secrets
from .progress import path_of

MOST_SECRET = 65536  # bytes of a file that holds one
MOST_SENT = 2 * 1024 * 1024  # characters of all that is sent back: the guard's reply has room for them
AGAIN = 1.0  # seconds between two tries of a command that waits for something
PAUSE = 5.0  # seconds between two tries of a command that failed because of what passes
EVERY = 1.0  # seconds between two notes of progress


def perform(call: Call) -> Json:
    """`arguments`: progress (a name, under which the act `progress` tells how far this is) and commands, each with

    argv, environment, secrets (variable → file on this host, read now), user, stdin (base64), timeout (seconds), keep
    (bytes of standard output that are told whole; of more, both ends), shows (mark of a line that tells progress),
    blanks (a regular expression: what it matches in standard output is told as ones), awaits (texts: the command is run
    again until its output has all of them), again (exit codes after which it is run again, within patience seconds of
    its first start).

    `completed`: code, stdout, stderr (both compressed, in base64), cut and late for each command that was run. A failed
    command is no failed act: the caller knows what its exit code means.
    """
    note = Note(call.arguments["progress"])
    try:
        return _run_all(call.arguments["commands"], note)
    finally:
        note.remove()


def ask(call: Call) -> Json:
    """The same, of commands that only read."""
    return _run_all(call.arguments["commands"], None)


probe = ask


def _run_all(commands: list[Json], note: Note | None) -> Json:
    completed: list[Json] = []
    room = MOST_SENT
    for command in commands:
        values = {name: _secret(path) for name, path in command["secrets"].items()}
        spoken = _until_seen(command, values, note)
        told = _told(_blanked(spoken, command.get("blanks", "")), list(values.values()), room)
        room -= len(told["stdout"]) + len(told["stderr"])
        completed.append(told)
        if spoken.code != 0:
            break
    return {"completed": completed}


def _until_seen(command: Json, secrets: dict[str, str], note: Note | None) -> Spoken:
    """Run the command; again and again where it waits for something that its output does not show yet."""
    begun = time.monotonic()
    deadline = begun + command["timeout"]
    wanted = [text.encode() for text in command.get("awaits", ())]
    while True:
        spoken = _run(command, secrets, max(1.0, deadline - time.monotonic()), note)
        if spoken.code in command.get("again", ()) and time.monotonic() < begun + command["patience"]:
            time.sleep(PAUSE)
            continue
        if spoken.code != 0 or all(text in spoken.stdout for text in wanted):
            return spoken
        if time.monotonic() > deadline:
            missing = b", ".join(text for text in wanted if text not in spoken.stdout)
            return spoken._replace(code=1, stderr=b"not there: " + missing, late=True)
        time.sleep(AGAIN)


def _run(command: Json, secrets: dict[str, str], timeout: float, note: Note | None) -> Spoken:
    account = account_of(command["user"])
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "LC_ALL": "C.UTF-8",
        **command["environment"], **secrets,
    }  # fmt: skip
    child = Child(account, environment, timeout, command["keep"])
    if note is not None and command["shows"]:
        note.mark = command["shows"].encode()
        child.hear = note.hear
    return child.run(command["argv"], base64.b64decode(command["stdin"], validate=True))


def _blanked(spoken: Spoken, pattern: str) -> Spoken:
    """Digests and sizes can't be compressed: without them there is room for ten times as many lines."""
    if not pattern:
        return spoken
    return spoken._replace(stdout=re.sub(pattern.encode(), lambda found: b"1" * len(found[0]), spoken.stdout))


def _told(spoken: Spoken, secrets: list[str], room: int) -> Json:
    """As it is sent back: without secrets, compressed, and never more than there is room for."""
    stdout, stderr = (_packed(part, secrets) for part in (spoken.stdout, spoken.stderr))
    cut = spoken.cut or len(stdout) > room
    if len(stdout) > room:
        stdout = _packed(b"", [])
    if len(stdout) + len(stderr) > room:
        stderr = _packed(b"", [])
    return {"code": spoken.code, "stdout": stdout, "stderr": stderr, "cut": cut, "late": spoken.late}


def _packed(said: bytes, secrets: list[str]) -> str:
    plain = without_secrets(said.decode("utf-8", "surrogateescape"), secrets)
    return base64.b64encode(zlib.compress(plain.encode("utf-8", "surrogateescape"))).decode()


def _secret(path: str) -> str:
    """The one line of a file. It is opened as root: links and pipes are refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ActError(f"{error.strerror}: {path}") from None
    with open(descriptor, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ActError(f"{path}: is no regular file")
        value = file.read(MOST_SECRET).rstrip("\r\n")
    if not value or "\0" in value:
        raise ActError(f"{path}: holds no secret")
    return value


class Note:
    """The newest line that tells how far it is, where the act `progress` finds it."""

    def __init__(self, name: str) -> None:
        self.path = path_of(name)
        self.mark = b""
        self._last = 0.0
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        self.remove()

    def hear(self, line: bytes) -> None:
        """Of each line that a command says."""
        now = time.monotonic()
        if self.mark in line and now - self._last >= EVERY:
            self._last = now
            self._write({"line": base64.b64encode(line).decode()})

    def remove(self) -> None:
        if os.path.exists(self.path):
            os.unlink(self.path)

    def _write(self, told: Json) -> None:
        beside = self.path + ".new"
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(beside, self.path)
