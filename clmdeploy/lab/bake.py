"""Builds the image in memory and copies it to disk. Runs in a mount and PID namespace of its own (image.py starts it):
nothing stays mounted or running, whatever ends it.

    bake.py TARGET WORK SUITE SOURCE PACKAGES     WORK holds apt.conf and post.sh; TARGET is an empty directory
"""

from __future__ import annotations

import subprocess
import sys

_DPKG = ("path-exclude=/usr/share/man/*", "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/locale/*")


def bake(target: str, work: str, suite: str, source: str, packages: str) -> None:
    """Raises CalledProcessError when mmdebstrap or the copy fails; what they said went to stderr."""
    memory, root = f"{work}/memory", f"{work}/memory/root"
    # In memory: dpkg waits for the disk after every file.
    _run("mount", "-t", "tmpfs", "-o", "size=3g,mode=755", "tmpfs", memory)
    options = [f"--dpkgopt={option}" for option in _DPKG]
    _run(
        "mmdebstrap", "--mode=root", "--variant=minbase", "--quiet", f"--include={packages}",
        f"--aptopt={work}/apt.conf", *options,
        f'--customize-hook=cp "{work}/apt.conf" "$1/etc/apt/apt.conf.d/90machine"',
        f'--customize-hook=chroot "$1" sh -eu <"{work}/post.sh"',
        suite, root, source,
    )  # fmt: skip
    # mmdebstrap renews the directory; lists that look fresh would keep Ansible from updating them.
    _run("touch", "-d", "2000-01-01", f"{root}/var/lib/apt/lists")
    _run("cp", "-a", f"{root}/.", target)
    _run("sync", "-f", target)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    try:
        bake(*sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[0]} ended with exit code {error.returncode}")
