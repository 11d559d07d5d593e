"""Wrecks a tree without removing it: modes, owners, contents, links, times. Runs as root on a host.

python3 - DIRECTORY SEED
"""

import os
import random
import shutil
import stat
import sys


def wreck(path, dice):
    """Something different for every entry; each harm alone must be mended by a restore."""
    harm = dice.randrange(8)
    kind = os.lstat(path).st_mode
    if harm == 0 and not stat.S_ISLNK(kind):
        os.chmod(path, 0o777)  # noqa: S103  # harm is its purpose
    elif harm == 1:
        os.lchown(path, 4711, 4711)
    elif harm == 2 and stat.S_ISREG(kind):
        os.truncate(path, 0)
    elif harm == 3 and stat.S_ISREG(kind):
        flip(path)
    elif harm == 4 and not stat.S_ISDIR(kind):
        os.unlink(path)
    elif harm == 5 and not stat.S_ISDIR(kind):
        os.unlink(path)
        os.mkdir(path)
    elif harm == 6 and stat.S_ISREG(kind):
        shutil.copyfile(path, path + b".copy")
        os.rename(path + b".copy", path)
    else:
        os.utime(path, (1, 1), follow_symlinks=False)


def flip(path):
    """One byte, and the times as they were: only the content tells."""
    found = os.stat(path)
    if found.st_size:
        with open(path, "r+b") as file:
            byte = file.read(1)[0]
            file.seek(0)
            file.write(bytes([byte ^ 1]))
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def main():
    root, dice = os.fsencode(sys.argv[1]), random.Random(int(sys.argv[2]))  # noqa: S311  # as in make_tree
    paths = [os.path.join(place, name) for place, below, files in os.walk(root) for name in sorted(files + below)]
    for path in sorted(paths, reverse=True):
        if dice.random() < 0.2:
            wreck(path, dice)
    with open(os.path.join(root, b"something new"), "wb") as file:
        file.write(b"that was never there")


main()
