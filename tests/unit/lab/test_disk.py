"""The upper directory of a host's disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clmdeploy.lab.disk import DiskDirectory, DiskFile, DiskLink, enabled, write_disk
from clmdeploy.lab.machine import LabError


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image with one account (this process's own) and a closed directory."""
    image = tmp_path / "image"
    (image / "etc" / "closed").mkdir(parents=True)
    (image / "etc" / "closed").chmod(0o750)
    (image / "etc" / "passwd").write_text(f"root:x:{os.getuid()}:{os.getgid()}:root:/root:/bin/sh\n")
    return image


def test_files_directories_and_links_are_written(tmp_path: Path, image: Path) -> None:
    """Each entry lands at its path below the upper directory, with its mode."""
    upper = tmp_path / "upper"
    entries = (DiskFile("/etc/a/b", "text", 0o600), DiskDirectory("/opt/clm", 0o711), enabled("x.service"))
    write_disk(upper, (image,), entries)
    assert (upper / "etc/a/b").read_text() == "text"
    assert (upper / "etc/a/b").stat().st_mode & 0o777 == 0o600
    assert (upper / "opt/clm").stat().st_mode & 0o777 == 0o711
    wanted = upper / "etc/systemd/system/multi-user.target.wants/x.service"
    assert os.readlink(wanted) == "/usr/lib/systemd/system/x.service"


def test_directories_on_the_way_keep_the_mode_that_the_image_gives_them(tmp_path: Path, image: Path) -> None:
    """A directory of the image does not open because a file is put into it."""
    write_disk(tmp_path / "upper", (image,), (DiskFile("/etc/closed/file", ""),))
    assert (tmp_path / "upper/etc/closed").stat().st_mode & 0o777 == 0o750


def test_an_unknown_owner_is_named(tmp_path: Path, image: Path) -> None:
    """A file for an account that the image lacks is refused by name."""
    with pytest.raises(LabError, match="'nobody-here'"):
        write_disk(tmp_path / "upper", (image,), (DiskFile("/etc/x", "", 0o600, "nobody-here"),))


def test_a_link_may_point_to_what_only_the_host_has(tmp_path: Path, image: Path) -> None:
    """A link's target is a path of the host and is not looked up here."""
    write_disk(tmp_path / "upper", (image,), (DiskLink("/etc/link", "/nowhere/here"),))
    assert os.readlink(tmp_path / "upper/etc/link") == "/nowhere/here"
