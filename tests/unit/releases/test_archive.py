"""Checking a bundle: only what was built and signed passes, and nothing in an archive is believed."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clmdeploy.model.errors import InvalidInput
from clmdeploy.releases.archive import check, check_digest
from clmdeploy.releases.built import Built
from clmdeploy.releases.manifest import BundleEntry, FileEntry, Release
from clmdeploy.releases.source import parse_manifest

MANIFEST = parse_manifest("{format: release/1, name: clm, version: 1.2.0, components: [{name: a, group: b}]}", "x")
DECLARED = {"bin/run": b"#!/bin/sh\n", "web/page": b"hello"}


def _release(bundle: bytes, **changes: FileEntry) -> Release:
    """A release that declares DECLARED and a link, and truly has the digest of `bundle`."""
    entries = {
        path: FileEntry(path=path, mode=0o644, size=len(body), sha256=hashlib.sha256(body).hexdigest())
        for path, body in DECLARED.items()
    }
    entries |= {"web/link": FileEntry(path="web/link", kind="link", mode=0o644, size=0, target="page")} | changes
    files = tuple(entries[path] for path in sorted(entries))
    packed = BundleEntry(
        sha256=hashlib.sha256(bundle).hexdigest(), size=len(bundle), unpacked=sum(entry.size for entry in files)
    )
    return Release(manifest=MANIFEST, bundle=packed, files=files)


def _member(name: str, body: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(body)
    for attribute, value in attributes.items():
        setattr(member, attribute, value)
    return member, body


def _honest() -> list[tuple[tarfile.TarInfo, bytes]]:
    members = [_member(path, body) for path, body in DECLARED.items()]
    return [*members, _member("web/link", type=tarfile.SYMTYPE, linkname="page")]


def _packed(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, body in members:
            archive.addfile(member, io.BytesIO(body))
    return buffer.getvalue()


def _refusal(tmp_path: Path, content: bytes) -> str:
    """The refusal of an archive whose digest is right: only its members speak against it."""
    bundle = tmp_path / "clm-1.2.0.tar.gz"
    bundle.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        check(bundle, _release(content))
    assert str(bundle) in caught.value.message
    assert caught.value.message.isprintable()
    assert sorted(tmp_path.iterdir()) == [bundle], "nothing was unpacked"
    return caught.value.message


def test_an_honest_archive_passes(tmp_path: Path) -> None:
    """What these tests start from is accepted."""
    content = _packed(_honest())
    (tmp_path / "bundle").write_bytes(content)
    check(tmp_path / "bundle", _release(content))


@pytest.mark.parametrize(
    ("dishonest", "cause"),
    [
        (lambda: [*_honest(), _member("../../etc/cron.d/x", b"x")], "not in its release"),
        (lambda: [*_honest(), _member("/etc/cron.d/x", b"x")], "not in its release"),
        (lambda: [*_honest(), _member("web/../../x", b"x")], "not in its release"),
        (lambda: [*_honest(), _member("more", b"x")], "not in its release"),
        (lambda: [*_honest(), _member("a\x1b[2J", b"x")], "not in its release"),
        (lambda: [*_honest(), _member("web", type=tarfile.DIRTYPE)], "not in its release"),
        (lambda: [*_honest(), _honest()[0]], "twice in the bundle"),
        (lambda: _honest()[1:], "lacks 1 of its files, the first is bin/run"),
        (list, "lacks 3 of its files"),
        (lambda: [*_honest()[1:], _member("bin/run", b"#!/bin/sh;")], "another SHA-256"),
        (lambda: [*_honest()[1:], _member("bin/run", b"#!/bin/sh\nx")], "another mode or size"),
        (lambda: [*_honest()[1:], _member("bin/run", b"#!/bin/sh\n", mode=0o4755)], "another mode or size"),
        (lambda: [*_honest()[1:], _member("bin/run", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "is not a file"),
        (lambda: [*_honest()[1:], _member("bin/run", type=tarfile.FIFOTYPE)], "is not a file"),
        (lambda: [*_honest()[1:], _member("bin/run", type=tarfile.LNKTYPE, linkname="web/page")], "is not a file"),
        (lambda: [*_honest()[1:], _member("bin/run", type=tarfile.SYMTYPE, linkname="/bin/sh")], "is not a file"),
        (lambda: [*_honest()[:2], _member("web/link", b"page")], "is not a link"),
        (lambda: [*_honest()[:2], _member("web/link", type=tarfile.SYMTYPE, linkname="/etc")], "link to elsewhere"),
    ],
)  # fmt: skip
def test_dishonest_members_are_refused(
    tmp_path: Path, dishonest: Callable[[], list[tuple[tarfile.TarInfo, bytes]]], cause: str
) -> None:
    """Traversal, absolute paths, devices, links, duplicates, extra, missing and changed members, by name."""
    assert cause in _refusal(tmp_path, _packed(dishonest()))


def test_a_bomb_is_not_unpacked_beyond_what_is_declared(tmp_path: Path) -> None:
    """A few kilobytes that would unpack to a gigabyte are given up on early, wherever the bytes hide."""
    zeros = gzip.compress(bytes(1024**2)) * 1024
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 1024**3
    in_a_header = gzip.compress(header.tobuf(tarfile.GNU_FORMAT)) + zeros
    behind_the_end = _packed(_honest()) + zeros
    for bomb in (in_a_header, behind_the_end):
        assert len(bomb) < 2 * 1024**2
        assert "unpacks to more than its release declares" in _refusal(tmp_path, bomb)
    assert "lacks 3 of its files" in _refusal(tmp_path, zeros), "an empty archive, however long"


def test_a_chain_of_headers_is_no_way_to_exhaust_us(tmp_path: Path) -> None:
    """Thousands of extended headers before a member end in a refusal, not in a crash."""
    header = tarfile.TarInfo("h")
    header.type, header.size = tarfile.XHDTYPE, 0
    content = gzip.compress(header.tobuf(tarfile.PAX_FORMAT) * 20_000)
    assert _refusal(tmp_path, content)


@given(content=st.binary(max_size=2000))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever is called a bundle, plain or compressed, the answer is InvalidInput, even when its digest is right."""
    for archive in (content, gzip.compress(content)):
        _refusal(tmp_path, archive)


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_changed_header_is_refused_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    """Any byte of the unpacked archive changed, with a digest made to fit: refused, or the very same files result."""
    honest = gzip.decompress(_packed(_honest()))
    place = data.draw(st.integers(0, len(honest) - 1))
    changed = honest[:place] + bytes([data.draw(st.integers(0, 255))]) + honest[place + 1 :]
    bundle = tmp_path / "bundle"
    bundle.write_bytes(content := gzip.compress(changed))
    try:
        check(bundle, _release(content))
    except InvalidInput:
        return
    with tarfile.open(bundle) as archive:
        files = {m.name: archive.extractfile(m) for m in archive if m.isreg()}
        assert {name: file.read() for name, file in files.items() if file} == DECLARED
        assert archive.getmember("web/link").linkname == "page"


def test_any_changed_byte_is_refused(built: Built, tmp_path: Path) -> None:
    """Each byte of a bundle, one after the other: its digest speaks before the archive is opened."""
    honest = built.bundle.read_bytes()
    bundle = tmp_path / "changed.tar.gz"
    for place in range(0, len(honest), max(1, len(honest) // 150)):
        bundle.write_bytes(honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :])
        with pytest.raises(InvalidInput, match="SHA-256 is"):
            check(bundle, built.release)


@pytest.mark.parametrize(
    "change", [lambda body: body[:-1], lambda body: body + b"\0", lambda body: body[:0], lambda body: body * 2]
)
def test_cut_and_lengthened_bundles_are_refused(built: Built, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    """Another length is told as such."""
    bundle = tmp_path / "changed.tar.gz"
    bundle.write_bytes(change(built.bundle.read_bytes()))
    with pytest.raises(InvalidInput, match="bytes long"):
        check_digest(bundle, built.release)


def test_a_missing_bundle_is_named(built: Built, tmp_path: Path) -> None:
    """A path that leads nowhere."""
    with pytest.raises(InvalidInput, match=r"gone\.tar\.gz: can't be read"):
        check(tmp_path / "gone.tar.gz", built.release)
