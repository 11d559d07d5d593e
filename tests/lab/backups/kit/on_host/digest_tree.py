"""Prints one JSON object a line for everything in a tree, itself included. Runs as root on a host.

    python3 - DIRECTORY

Independent of every engine: what is written here was read from the file system by this program alone.
"""

import base64
import hashlib
import json
import os
import stat
import sys

KINDS = {
    stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device",
}  # fmt: skip
PIECE = 1 << 20


def sha256_of(path):
    digest = hashlib.sha256()
    # Without O_NOATIME each look would write to the disk that is looked at.
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_NOFOLLOW), "rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def attributes_of(path):
    names = os.listxattr(path, follow_symlinks=False)
    return {name: base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode() for name in sorted(names)}


def entry_of(root, path, groups):
    found = os.lstat(path)
    kind = KINDS[stat.S_IFMT(found.st_mode)]
    name = os.fsdecode(os.path.relpath(path, root))
    entry = {
        "name": name, "kind": kind, "mode": f"{stat.S_IMODE(found.st_mode):04o}", "user": found.st_uid,
        "group": found.st_gid, "modified": found.st_mtime_ns, "attributes": attributes_of(path),
    }  # fmt: skip
    if kind == "file":
        first = groups.setdefault((found.st_dev, found.st_ino), name) if found.st_nlink > 1 else name
        entry |= {"size": found.st_size, "sha256": sha256_of(path), "same as": first}
    if kind == "link":
        entry["target"] = os.fsdecode(os.readlink(path))
    return entry


def walk(path):
    yield path
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for name in sorted(os.listdir(path)):
            yield from walk(os.path.join(path, name))


def main():
    root, groups = os.fsencode(sys.argv[1]), {}
    for path in walk(root):
        print(json.dumps(entry_of(root, path, groups)))


main()
