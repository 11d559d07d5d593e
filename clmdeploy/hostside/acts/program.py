"""Puts a pinned clmdeploy beside others: a directory of its own with everything it needs, owned by root.

What is fetched is checked by its digest; what pip installs, by the hashes of the requirements that came with it. pip
runs as the account that the program is for, and takes wheels only: nothing of a package is run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable

from . import record
from .call import ActError, Call, Json
from .download import fetch_checked

PARENT = "/opt/clmdeploy"
MARK = ".whole"
OLDEST = (3, 11)
_LIMIT = 1500  # seconds for pip
_MOST = 512 * 1024 * 1024  # bytes, unpacked
_DIRECTORY = re.compile(r"[0-9][0-9A-Za-z.+-]{0,60}-[0-9a-f]{8}")
_MEMBER = re.compile(r"(requirements\.txt|[A-Za-z0-9_.+-]{1,200}\.whl|wheels/[A-Za-z0-9_.+-]{1,200}\.whl)")


def perform(call: Call) -> Json:
    """`arguments`: directory, user, archive {size, sha256, offline}, authority. `secrets`: archive_url."""
    arguments = call.arguments
    place, account = _place(arguments["directory"]), pwd.getpwnam(arguments["user"])
    if _is_whole(place):
        return {"changed": False}
    if sys.version_info < OLDEST:
        raise ActError(f"Python {sys.version.split()[0]} is too old here: clmdeploy needs {OLDEST[0]}.{OLDEST[1]}")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place, mode=0o755)
    os.chmod(PARENT, 0o755)  # noqa: S103  # read by that account, written by root alone
    try:
        _unpack(call, place)
        os.chown(place, account.pw_uid, account.pw_gid)
        _install(place, account, offline=arguments["archive"]["offline"])
        _give_to_root(place)
    except (OSError, zipfile.BadZipFile, subprocess.TimeoutExpired) as error:
        raise ActError(f"{place}: {error}") from None
    record.replace_file(os.path.join(place, MARK), call.arguments["change"].encode(), 0o644)
    return {"changed": True}


def restore(call: Call) -> Json:
    """Remove it, if this change brought it."""
    place = _place(call.arguments["directory"])
    if _made_by(place) in (None, call.arguments["change"]):
        shutil.rmtree(place, ignore_errors=True)
        return {"changed": True}
    return {"changed": False}


def probe(call: Call) -> Json:
    """The mark is written last."""
    done = _is_whole(_place(call.arguments["directory"]))
    return {"state": "done" if done else "not-done", "changed": done}


def own() -> list[str]:
    """Directories of whole programs that `perform` made, the one proved last first; all else is somebody else's."""
    try:
        names = [name for name in os.listdir(PARENT) if _DIRECTORY.fullmatch(name)]
    except FileNotFoundError:
        return []
    marks = {name: os.path.join(PARENT, name, MARK) for name in names if not os.path.islink(os.path.join(PARENT, name))}
    there = {name: os.lstat(mark).st_mtime_ns for name, mark in marks.items() if os.path.isfile(mark)}
    return sorted(there, key=lambda name: (-there[name], name))


def proved(directory: str) -> None:
    """It has shown that it works here, just now."""
    os.utime(os.path.join(_place(directory), MARK))


def remove(names: Iterable[str]) -> list[str]:
    """Takes these of `own` away, and the directory above once nothing is left in it."""
    gone = [name for name in own() if name in set(names)]
    for name in gone:
        shutil.rmtree(os.path.join(PARENT, name))
    with contextlib.suppress(OSError):
        os.rmdir(PARENT)
    return gone


def _place(directory: str) -> str:
    if _DIRECTORY.fullmatch(directory) is None:
        raise ActError(f"{directory!r} is no directory of a program")
    return os.path.join(PARENT, directory)


def _is_whole(place: str) -> bool:
    return os.path.exists(os.path.join(place, MARK))


def _made_by(place: str) -> str | None:
    try:
        with open(os.path.join(place, MARK), encoding="utf-8") as file:
            return file.read(200)
    except FileNotFoundError:
        return None


def _unpack(call: Call, place: str) -> None:
    archive, told = os.path.join(place, "archive.zip"), call.arguments["archive"]
    fetch_checked(call.secrets["archive_url"], archive, told["size"], told["sha256"], call.arguments.get("authority"))
    source = os.path.join(place, "source")
    os.makedirs(os.path.join(source, "wheels"))
    with zipfile.ZipFile(archive) as whole:
        members = whole.infolist()
        if sum(member.file_size for member in members) > _MOST:
            raise ActError(f"the archive would unpack to more than {_MOST} bytes")
        for member in members:
            if _MEMBER.fullmatch(member.filename) is None:
                raise ActError(f"the archive holds {member.filename!r}, which doesn't belong there")
            whole.extract(member, source)
    os.unlink(archive)


def _install(place: str, account: pwd.struct_passwd, *, offline: bool) -> None:
    source, python = os.path.join(place, "source"), os.path.join(place, "bin", "python")
    own = [name for name in os.listdir(source) if name.endswith(".whl")]
    if len(own) != 1:
        raise ActError("the archive holds no wheel of clmdeploy itself")
    wheels = ("--no-index", "--find-links", os.path.join(source, "wheels")) if offline else ()
    pip = (python, "-m", "pip", "install", "--quiet", "--no-input", "--no-cache-dir", "--only-binary", ":all:")
    _run(("/usr/bin/python3", "-m", "venv", place), place, account)
    requirements = os.path.join(source, "requirements.txt")
    _run((*pip, *wheels, "--require-hashes", "-r", requirements), place, account)
    # Its own bytes were checked with the archive's, and all that it needs is there by now.
    _run((*pip, "--no-index", "--no-deps", os.path.join(source, own[0])), place, account)
    shutil.rmtree(source)
    _run((os.path.join(place, "bin", "clmdeploy"), "--version"), place, account)


def _run(command: tuple[str, ...], place: str, account: pwd.struct_passwd) -> None:
    finished = subprocess.run(
        command, cwd="/", capture_output=True, errors="replace", timeout=_LIMIT, check=False, stdin=subprocess.DEVNULL,
        user=account.pw_uid, group=account.pw_gid, extra_groups=[], umask=0o022,
        env={"PATH": "/usr/bin:/bin", "HOME": place, "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    if finished.returncode != 0:
        said = (finished.stderr or finished.stdout).strip()[-1500:]
        raise ActError(f"{' '.join(command[:4])}: exit code {finished.returncode}: {said}")


def _give_to_root(place: str) -> None:
    """So that nobody who runs it can change it."""
    os.chown(place, 0, 0)
    for above, folders, files in os.walk(place):
        for name in (*folders, *files):
            os.chown(os.path.join(above, name), 0, 0, follow_symlinks=False)
