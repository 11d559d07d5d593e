"""Unpacking on a host: only what was signed, only inside the release."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clmdeploy.hostside.acts.call import ActError
from clmdeploy.hostside.acts.unpack import unpack

CONTENT = b"hello"


def entry(path: str, content: bytes = CONTENT, **changes: Any) -> dict[str, Any]:
    """A signed member."""
    digest = hashlib.sha256(content).hexdigest()
    return {
        "path": path,
        "kind": "file",
        "mode": 0o644,
        "size": len(content),
        "sha256": digest,
        "target": None,
    } | changes


def member(name: str, content: bytes = CONTENT, **changes: Any) -> tuple[tarfile.TarInfo, bytes]:
    """An archive member."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> str:
    with tarfile.open(path, "w:gz") as file:
        for info, content in members:
            file.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return str(path)


def test_signed_members_arrive_with_content_and_mode(tmp_path: Path) -> None:
    """Modes are the signed ones, whatever the archive says."""
    bundle = archive(
        tmp_path / "b", member("bin/run", mode=0o600), member("link", b"", type=tarfile.SYMTYPE, linkname="bin/run")
    )
    unpack(
        bundle, str(tmp_path / "t"), [entry("bin/run", mode=0o755), entry("link", b"", kind="link", target="bin/run")]
    )
    assert (tmp_path / "t/link").read_bytes() == CONTENT
    assert os.stat(tmp_path / "t/bin/run").st_mode & 0o777 == 0o755


HOSTILE = [
    ("parent", member("../evil"), entry("../evil")),
    ("absolute", member("/tmp/evil"), entry("/tmp/evil")),
    ("dot", member("a/./b"), entry("a/./b")),
    ("unsigned", member("more"), entry("other")),
    ("device", member("null", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3), entry("null", b"")),
    ("fifo", member("pipe", b"", type=tarfile.FIFOTYPE), entry("pipe", b"")),
    ("hard link", member("hard", b"", type=tarfile.LNKTYPE, linkname="/etc/shadow"), entry("hard", b"")),
    (
        "link out",
        member("l", b"", type=tarfile.SYMTYPE, linkname="../../etc"),
        entry("l", b"", kind="link", target="../../etc"),
    ),
    (
        "absolute link",
        member("l", b"", type=tarfile.SYMTYPE, linkname="/etc"),
        entry("l", b"", kind="link", target="/etc"),
    ),
    ("other link", member("l", b"", type=tarfile.SYMTYPE, linkname="a"), entry("l", b"", kind="link", target="b")),
    ("content", member("a", b"world"), entry("a")),
    ("size", member("a", b"longer than signed"), entry("a")),
]


@pytest.mark.parametrize(("hostile", "signed"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_member_is_refused(tmp_path: Path, hostile: Any, signed: dict[str, Any]) -> None:
    """Even when somebody signed a list that names it."""
    bundle = archive(tmp_path / "b", hostile)
    with pytest.raises(ActError):
        unpack(bundle, str(tmp_path / "inner" / "t"), [signed])
    assert not (tmp_path / "inner" / "evil").exists()


def test_a_member_through_a_link_is_refused(tmp_path: Path) -> None:
    """A signed link must not become a way out for the next member."""
    outside = tmp_path / "outside"
    outside.mkdir()
    bundle = archive(tmp_path / "b", member("d", b"", type=tarfile.SYMTYPE, linkname="e"), member("d/evil"))
    with pytest.raises(ActError, match="goes through a link"):
        unpack(bundle, str(tmp_path / "t"), [entry("d", b"", kind="link", target="e"), entry("d/evil")])


def test_a_second_member_of_one_name_is_refused(tmp_path: Path) -> None:
    """The first would be checked and the second used."""
    bundle = archive(tmp_path / "b", member("a"), member("a"))
    with pytest.raises(ActError, match="twice"):
        unpack(bundle, str(tmp_path / "t"), [entry("a")])


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    """Half a release is none."""
    bundle = archive(tmp_path / "b", member("a"))
    with pytest.raises(ActError, match="'b'"):
        unpack(bundle, str(tmp_path / "t"), [entry("a"), entry("b")])


@given(name=st.text(min_size=1, max_size=60))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_leads_out_of_the_release(tmp_path: Path, name: str) -> None:
    """Whatever a signed name says, it lands inside or is refused."""
    tree = tmp_path / os.urandom(8).hex()
    try:
        bundle = archive(tmp_path / "b", member(name))
        with tarfile.open(bundle) as file:
            stored = file.getnames()[0]  # what the format made of the name
    except (ValueError, UnicodeEncodeError, tarfile.TarError):
        return
    try:
        unpack(bundle, str(tree), [entry(stored)])
    except (ActError, OSError, UnicodeEncodeError):
        return
    inside = [os.path.join(root, file) for root, _, files in os.walk(tree) for file in files]
    assert len(inside) == 1
