"""The kit of "create, wreck, restore" can fail: each single harm to a tree is found, and nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.backups.kit.tree import (
    TINY_TREE,
    Digest,
    change_tree,
    digest_tree,
    here,
    make_tree,
    storm,
    tree_differences,
)

MADE = "made"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that no test changes. Making it takes root."""
    directory = tmp_path_factory.mktemp("kit") / MADE
    make_tree(here, str(directory), TINY_TREE)
    return directory


@pytest.fixture(scope="module")
def before(made: Path) -> Digest:
    return digest_tree(here, str(made))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy with everything, made by another program than any engine."""
    subprocess.run(("cp", "--archive", "--sparse=always", made, tmp_path), check=True)
    return tmp_path / MADE


def test_the_same_seed_makes_the_same_tree(before: Digest, tmp_path: Path) -> None:
    """Every byte and nanosecond; another seed makes another one."""
    make_tree(here, str(tmp_path / "again"), TINY_TREE)
    assert tree_differences(before, digest_tree(here, str(tmp_path / "again"))) == []


def test_everything_odd_is_there(before: Digest) -> None:
    """What the issue asks for, by the digest's own words."""
    assert {entry["kind"] for entry in before.values()} == {"file", "directory", "link", "fifo"}
    names = {os.fsencode(name).rpartition(b"/")[2] for name in before}
    assert {b"with space", b"new\nline", b"\xff\xfe not UTF-8 \xe9", b"n" * 255} <= names
    modes = {entry["mode"] for entry in before.values()}
    assert {"0000", "4755", "2755", "7777", "6711"} <= modes
    assert {entry["target"] for entry in before.values() if entry["kind"] == "link"} >= {
        "/etc/passwd",
        "nowhere/at all",
    }
    assert sum(entry.get("same as") == "hard/elsewhere/third \udcff" for entry in before.values()) == 3
    assert {"system.posix_acl_access", "system.posix_acl_default"} <= set(before["acl/directory"]["attributes"])
    assert {3_000_000_000, 12345, 65534} <= {entry["user"] for entry in before.values()}
    assert before["empty/of the empty"]["kind"] == "directory"
    assert min(entry["modified"] for entry in before.values()) <= 1
    assert any(entry["modified"] % 1000 for entry in before.values())


def test_a_true_copy_has_no_difference(before: Digest, copy: Path) -> None:
    """Also where holes are elsewhere."""
    assert tree_differences(before, digest_tree(here, str(copy))) == []


def flip_a_byte(file: Path) -> None:
    found = file.stat()
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))


def lose_a_hard_link(tree: Path) -> None:
    second = tree / "hard" / "second"
    folder, found = second.parent.stat(), second.stat()
    shutil.copy2(second, tree / "hard" / "copy")
    os.replace(tree / "hard" / "copy", second)
    os.utime(second, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.utime(second.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


def lose_a_file(tree: Path) -> None:
    folder = (tree / "names").stat()
    (tree / "names" / "new\nline").unlink()
    os.utime(tree / "names", ns=(folder.st_atime_ns, folder.st_mtime_ns))


def turn_a_link(tree: Path) -> None:
    link = tree / "links" / "relative"
    folder, found = link.parent.stat(), link.lstat()
    link.unlink()
    link.symlink_to("../links/target")
    os.utime(link, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
    os.utime(link.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


def lose_an_access_list(tree: Path) -> None:
    os.removexattr(tree / "acl" / "directory", "system.posix_acl_default")


def shift_a_time(tree: Path) -> None:
    found = (tree / "big").stat()
    os.utime(tree / "big", ns=(found.st_atime_ns, found.st_mtime_ns + 1))


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a mode": (lambda tree: (tree / "modes" / "file 0444").chmod(0o644), "mode was '0444', is '0644'"),
    "a sticky bit": (lambda tree: (tree / "modes" / "directory 7777").chmod(0o6777), "mode was '7777', is '6777'"),
    "an owner": (lambda tree: os.chown(tree / "owners" / "1", 65533, -1), "user was 65534, is 65533"),
    "a group of a link": (lambda tree: os.lchown(tree / "links" / "dangling", -1, 1), "group was 54321, is 1"),
    "a byte": (lambda tree: flip_a_byte(tree / "big" / "00.bin"), "'big/00.bin': its content is another"),
    "a hard link": (lose_a_hard_link, "'hard/second': was one file with 'hard/elsewhere/third \\udcff', is one with"),
    "a file": (lose_a_file, "'names/new\\nline' is gone"),
    "a target": (turn_a_link, "target was 'target', is '../links/target'"),
    "an access list": (lose_an_access_list, "'acl/directory': attributes was"),
    "an attribute": (lambda tree: os.setxattr(tree / "acl", "user.of a directory", b"?"), "attributes was"),
    "a nanosecond": (shift_a_time, "'big': modified was"),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARMS)
def test_a_single_harm_is_the_only_difference(before: Digest, copy: Path, harm: str) -> None:
    """And it is told in words that name the file."""
    act, words = HARMS[harm]
    act(copy)
    found = tree_differences(before, digest_tree(here, str(copy)))
    assert len(found) == 1, found
    assert words in found[0]


def test_a_storm_leaves_little_as_it_was(before: Digest, copy: Path) -> None:
    """Something of every kind of harm, so that a restore must mend every kind."""
    storm(here, str(copy))
    found = tree_differences(before, digest_tree(here, str(copy)))
    for words in ("is gone", "was not there", "content", "mode was", "user was", "kind was", "modified was"):
        assert any(words in one for one in found), words
    assert "'something new' was not there" in found


@pytest.mark.parametrize("scattered", [False, True])
def test_changes_reach_the_big_files_only(before: Digest, copy: Path, scattered: bool) -> None:
    """As many blocks as were asked for."""
    change_tree(here, str(copy), 0.01, scattered=scattered)
    found = tree_differences(before, digest_tree(here, str(copy)))
    assert {one.partition(":")[0] for one in found} == {"'big/00.bin'"}
    assert any("content" in one for one in found)
