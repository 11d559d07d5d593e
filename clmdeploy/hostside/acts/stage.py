"""Puts a release onto the host beside the running one. Harmless: nothing that runs is touched."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess

from . import record
from .call import ActError, Call, Json
from .download import fetch_checked
from .layout import MARK, SIGNATURE, current, is_whole, release_path, releases, remove_release
from .unpack import unpack


def perform(call: Call) -> Json:
    """`arguments`: root, user, groups, directory, release {size, sha256, signature}, bundle {size, sha256, unpacked,
    files}, requires.

    `secrets`: bundle_url, release_url.
    """
    root, directory = call.arguments["root"], call.arguments["directory"]
    if is_whole(root, directory):
        return {"changed": False}
    incoming = _incoming(root)
    shutil.rmtree(incoming, ignore_errors=True)
    _check_room(call.arguments)
    try:
        os.makedirs(incoming, mode=0o700)
        _assemble(call, incoming)
        shutil.rmtree(release_path(root, directory), ignore_errors=True)
        os.rename(os.path.join(incoming, "tree"), release_path(root, directory))
        record.flush_directory(releases(root))
    except OSError as error:
        raise ActError(f"staging {directory}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return {"changed": True}


def restore(call: Call) -> Json:
    """Remove the staged directory if this change brought it and nothing uses it."""
    root, directory = call.arguments["root"], call.arguments["directory"]
    shutil.rmtree(_incoming(root), ignore_errors=True)
    in_use = {current(root), *(record.read().get("ledger") or [])}
    if call.before.get("present") or directory in in_use:
        return {"changed": False}
    remove_release(release_path(root, directory))
    return {"changed": True}


def probe(call: Call) -> Json:
    """Staging is done when the directory is whole: the mark is written last and renamed with it."""
    done = is_whole(call.arguments["root"], call.arguments["directory"])
    return {"state": "done" if done else "not-done"}


def _incoming(root: str) -> str:
    return os.path.join(releases(root), ".incoming")


def _check_room(arguments: Json) -> None:
    """Room for the archive and the tree beside each other, and what the manifest wants to stay free."""
    space = os.statvfs(releases(arguments["root"]))
    needed = arguments["bundle"]["size"] + arguments["bundle"]["unpacked"] + arguments["requires"]["disk"]
    free = space.f_bavail * space.f_frsize
    if free < needed:
        raise ActError(f"{releases(arguments['root'])}: {free // 1024**2} MiB free, {needed // 1024**2 + 1} MiB needed")
    if space.f_files and space.f_favail < arguments["bundle"]["files"] + 1000:
        raise ActError(f"{releases(arguments['root'])}: only {space.f_favail} inodes free")
    absent = [name for name in arguments["requires"]["commands"] if shutil.which(name) is None]
    if absent:
        raise ActError(f"programs that the release requires are missing: {', '.join(absent)}")


def _assemble(call: Call, incoming: str) -> None:
    """Fetch, check, unpack, link what is shared, and write the mark, all beside the final place."""
    arguments = call.arguments
    declaration, bundle, tree = (os.path.join(incoming, name) for name in ("release.json", "bundle.tar.gz", "tree"))
    authority = arguments.get("authority")
    fetch_checked(
        call.secrets["release_url"],
        declaration,
        arguments["release"]["size"],
        arguments["release"]["sha256"],
        authority,
    )
    fetch_checked(
        call.secrets["bundle_url"], bundle, arguments["bundle"]["size"], arguments["bundle"]["sha256"], authority
    )
    with open(declaration, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != arguments["release"]["sha256"]:
        raise ActError("release.json changed while it was read")
    release = json.loads(content)
    unpack(bundle, tree, release["files"])
    for shared in release["manifest"]["shared"]:
        if shared["owner"] in arguments["groups"]:
            _link_shared(arguments, tree, shared["path"])
    record.replace_file(os.path.join(tree, SIGNATURE), arguments["release"]["signature"].encode(), 0o644)
    record.replace_file(os.path.join(tree, MARK), content, 0o644)
    os.chmod(tree, 0o755)  # noqa: S103  # the service user reads releases; nobody but root writes them
    _flush(tree)


def _flush(tree: str) -> None:
    """Bring the file system of `tree` onto its disk; others, a hung network share maybe, are not waited for."""
    finished = subprocess.run(["sync", "--file-system", tree], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise ActError(f"{tree} can't be brought onto the disk: {finished.stderr.strip()[-300:]}")


def _link_shared(arguments: Json, tree: str, path: str) -> None:
    """Make the persistent tree if it is missing, owned by the service user, and link it into the release."""
    persistent = os.path.join(arguments["root"], "shared", path)
    if not os.path.isdir(persistent):
        os.makedirs(persistent, mode=0o750)
        account = pwd.getpwnam(arguments["user"])
        os.chown(persistent, account.pw_uid, account.pw_gid, follow_symlinks=False)
    link = os.path.join(tree, path)
    if os.path.lexists(link):
        raise ActError(f"the bundle brings {path!r}, which the manifest declares as shared")
    os.makedirs(os.path.dirname(link), mode=0o755, exist_ok=True)
    os.symlink(persistent, link)
