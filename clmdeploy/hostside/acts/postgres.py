"""One PostgreSQL cluster on this host: its service, its questions, its files. Who asks is the owner of its data."""

from __future__ import annotations

import os
import pwd
import re
import subprocess

from . import places
from .call import ActError, Json

BINARIES = "/usr/lib/postgresql"
ASK_TIMEOUT = 60  # seconds
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?", re.ASCII)
_SEPARATOR = "\x1f"


def owner(arguments: Json) -> str:
    """The account whose data directory this is."""
    try:
        return pwd.getpwuid(os.stat(arguments["data"]).st_uid).pw_name
    except FileNotFoundError:
        raise ActError(f"{arguments['data']} is not there: is backup.database.data right?") from None


def ask(arguments: Json, statement: str, timeout: float = ASK_TIMEOUT) -> list[list[str]]:
    """Rows of one statement, NULL as an empty text. `arguments`: data, port. Raises ActError in the server's words."""
    socket = ("-h", arguments["socket"]) if arguments.get("socket") else ()
    command = [
        "psql", "-X", "-q", "-A", "-t", "-F", _SEPARATOR, "-v", "ON_ERROR_STOP=1", "-w", *socket,
        "-p", str(arguments["port"]), "-d", arguments.get("database") or "postgres", "-c", statement,
    ]  # fmt: skip
    finished = run_as(owner(arguments), command, timeout)
    if finished.returncode != 0:
        raise ActError(f"PostgreSQL on port {arguments['port']}: {_end(finished.stderr)}")
    return [line.split(_SEPARATOR) for line in finished.stdout.splitlines()]


def answers(arguments: Json) -> bool:
    """Whether it takes commands, in recovery or not."""
    try:
        return ask(arguments, "SELECT 1", 10) == [["1"]]
    except ActError:
        return False


def is_running(arguments: Json) -> bool:
    """By its own lock file: a postmaster that hangs runs too. After a power cut the number in it may be another
    process's; a postmaster works in the directory of its data.
    """
    try:
        pid = int(content(arguments, "", "postmaster.pid").split(b"\n", 1)[0])
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), os.stat(arguments["data"]))
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False


def content(arguments: Json, folder: str, name: str) -> bytes:
    """A file among its data, which is its owner's: no link is followed in its place, nothing waited for.

    The directories may be links (another disk for the log). Raises FileNotFoundError, and ActError for what is no
    regular file or too large.
    """
    return places.read(os.path.join(os.path.realpath(os.path.join(arguments["data"], folder)), name))


def start(arguments: Json, timeout: float) -> None:
    """Returns once it takes commands, or is consistent in recovery. Raises ActError with the end of its log."""
    service = arguments["service"]
    _systemctl("reset-failed", service, 30)
    finished = _systemctl("start", service, timeout)
    if finished.returncode != 0:
        raise ActError(f"{service} does not start: {last_words(service)}")


def stop(arguments: Json, timeout: float) -> None:
    """A clean shutdown archives the log to its end. Raises ActError when it still runs afterwards."""
    finished = _systemctl("stop", arguments["service"], timeout)
    if finished.returncode != 0 or is_running(arguments):
        raise ActError(f"{arguments['service']} does not stop: {_end(finished.stderr)}")


def last_words(service: str) -> str:
    """What the server said last of why it ended: recovery that misses its target says so there."""
    command = ["journalctl", "--unit", service, "--lines", "60", "--no-pager", "--output", "cat"]
    finished = subprocess.run(command, capture_output=True, errors="replace", timeout=20, check=False)
    told = [line for line in finished.stdout.splitlines() if re.search(r"\b(FATAL|PANIC|ERROR|HINT):", line)]
    return _end("\n".join(told[-4:]) or finished.stdout)


def control(arguments: Json) -> dict[str, str]:
    """What pg_controldata says, without a running server. Raises ActError where there is no cluster."""
    data = arguments["data"]
    version = version_of(data)
    finished = run_as(owner(arguments), [os.path.join(BINARIES, version, "bin", "pg_controldata"), "-D", data], 30)
    pairs = (line.split(":", 1) for line in finished.stdout.splitlines() if ":" in line)
    return {"version": version, **{key.strip(): value.strip() for key, value in pairs}}


def version_of(data: str) -> str:
    """The major version of the cluster in that directory. Raises ActError where there is none."""
    try:
        version = content({"data": data}, "", "PG_VERSION")[:20].decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ActError(f"{data} holds no cluster") from None
    if not _VERSION.fullmatch(version):
        raise ActError(f"{data}: PG_VERSION names no version")
    return version


def hba_file(arguments: Json) -> str:
    """Where its rules of access are: as it says itself, else where Debian puts them, else among its data."""
    if answers(arguments):
        return ask(arguments, "SHOW hba_file")[0][0]
    debian = arguments["data"].replace("/var/lib/postgresql/", "/etc/postgresql/") + "/pg_hba.conf"
    return debian if os.path.exists(debian) else os.path.join(arguments["data"], "pg_hba.conf")


def unarchived(arguments: Json) -> list[str]:
    """Segments and histories that the archive does not have yet."""
    place = os.path.join(arguments["data"], "pg_wal", "archive_status")
    names = os.listdir(place) if os.path.isdir(place) else []
    return sorted(name[: -len(".ready")] for name in names if name.endswith(".ready"))


def histories(arguments: Json) -> dict[str, str]:
    """Timeline → its history file's content, of those that lie beside the log."""
    place, found = os.path.join(arguments["data"], "pg_wal"), {}
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
        match = re.fullmatch(r"([0-9A-F]{8})\.history", name)
        if match:
            told = content(arguments, "pg_wal", name)[: 64 * 1024]
            found[str(int(match[1], 16))] = told.decode("ascii", "replace")
    return found


def environment_of(account: str) -> dict[str, str]:
    """Nothing of ours. Whatever a database or a role is set to load at each connection is not loaded."""
    home = pwd.getpwnam(account).pw_dir
    quiet = "-c session_preload_libraries= -c local_preload_libraries="
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": home, "PGOPTIONS": quiet}


def run_as(account: str, command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """Run to its end as that account. Raises ActError when it takes longer than `timeout` seconds."""
    user, environment = pwd.getpwnam(account), environment_of(account)
    try:
        return subprocess.run(
            command, user=user.pw_uid, group=user.pw_gid, extra_groups=os.getgrouplist(account, user.pw_gid),
            env=environment, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ActError(f"{command[0]}: no end after {timeout:.0f} s") from None


def _systemctl(verb: str, service: str, timeout: float) -> subprocess.CompletedProcess[str]:
    command = ["systemctl", verb, service]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise ActError(f"systemctl {verb} {service}: no end after {timeout:.0f} s") from None


def _end(said: str) -> str:
    return said.strip()[-500:] or "it said nothing"
