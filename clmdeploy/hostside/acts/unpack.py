"""Unpacks a bundle whose digest was checked, and still believes none of its names: each must be in the signed list."""

from __future__ import annotations

import hashlib
import os
import posixpath
import tarfile

from .call import ActError, Json

CHUNK = 1024 * 1024


def unpack(bundle: str, tree: str, files: list[Json]) -> None:
    """Write the members of `bundle` below `tree`: exactly the signed ones, with the signed digest, size and mode."""
    expected = {entry["path"]: entry for entry in files}
    seen: set[str] = set()
    made: set[str] = set()
    os.makedirs(tree, mode=0o755)
    with tarfile.open(bundle, mode="r|gz") as archive:
        for member in archive:
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep every member in memory
            entry = expected.get(member.name)
            if entry is None or member.name in seen:
                raise ActError(f"bundle member {member.name[:200]!r} is not in the signed list, or stands there twice")
            seen.add(member.name)
            _write(archive, member, entry, _safe_path(tree, member.name, made))
    missing = expected.keys() - seen
    if missing:
        raise ActError(f"the bundle lacks {len(missing)} signed members, the first is {min(missing)[:200]!r}")


def _safe_path(tree: str, name: str, made: set[str]) -> str:
    """Where the member is written. `made`: directories that were made here, which nothing else can become."""
    parts = name.split("/")
    if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise ActError(f"bundle member {name[:200]!r} would leave the release directory")
    parent = tree
    for part in parts[:-1]:
        parent = os.path.join(parent, part)
        if parent in made:
            continue
        if os.path.islink(parent):
            raise ActError(f"bundle member {name[:200]!r} goes through a link")
        os.makedirs(parent, mode=0o755, exist_ok=True)
        os.chmod(parent, 0o755)  # noqa: S103  # the service user reads releases; nobody but root writes them
        made.add(parent)
    return os.path.join(parent, parts[-1])


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, entry: Json, path: str) -> None:
    if entry["kind"] == "link" and member.issym():
        _write_link(member, entry, path)
    elif entry["kind"] == "file" and member.isreg() and member.size == entry["size"]:
        _write_file(archive, member, entry, path)
    else:
        raise ActError(f"bundle member {member.name[:200]!r} is of another kind or size than was signed")


def _write_link(member: tarfile.TarInfo, entry: Json, path: str) -> None:
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    if member.linkname != entry["target"] or member.linkname.startswith("/") or inside.startswith(".."):
        raise ActError(f"bundle link {member.name[:200]!r} is not the signed one, or leaves the release directory")
    os.symlink(member.linkname, path)


def _write_file(archive: tarfile.TarFile, member: tarfile.TarInfo, entry: Json, path: str) -> None:
    hasher = hashlib.sha256()
    content = archive.extractfile(member)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while content is not None and (chunk := content.read(CHUNK)):
            hasher.update(chunk)
            file.write(chunk)
        os.fchmod(descriptor, entry["mode"] & 0o755)
    if hasher.hexdigest() != entry["sha256"]:
        raise ActError(f"bundle member {member.name[:200]!r} has another content than was signed")
