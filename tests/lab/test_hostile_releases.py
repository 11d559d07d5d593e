"""Releases that lie, signed by a trusted key: the hosts themselves check every byte before anything is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.releases.bundle import build
from tests.lab.command_line import publish
from tests.lab.craft import Forge, forged, plant, special, variant
from tests.lab.fleet import AT_ONCE, MEMBERS, NO_RESTORE_POINT, Fleet

pytestmark = pytest.mark.timeout(900)
DEPLOY = ("-e", "lab", "--yes", *AT_ONCE, *NO_RESTORE_POINT)
EXPRESSION = "{{ lookup('pipe', 'touch /tmp/clm-evil') }}"
NAME = "{{ lookup('pipe', 'touch clm-evil') }}"  # a file's name holds no slash
PROJECT = Path(__file__).parents[2]


@contextmanager
def as_it_was(fleet: Fleet) -> Iterator[None]:
    """Releases, links and services are afterwards what they were, and nothing evil lies about."""
    before, schema = fleet.footprint(), fleet.schema()
    yield
    assert fleet.footprint() == before
    assert fleet.schema() == schema
    assert not fleet.drained


@pytest.mark.parametrize(
    ("version", "forge"),
    [
        ("8.2.0", special("../clm-evil", content=b"out")),
        ("8.2.1", special("/etc/clm-evil", content=b"out")),
        ("8.2.2", special("docs/operations.md", tarfile.CHRTYPE)),
        ("8.2.3", special("docs/operations.md", tarfile.SYMTYPE, target="/etc/passwd")),
        ("8.2.4", special("docs/operations.md", content=b"not what was signed")),
        ("8.2.5", special("clm-evil", tarfile.DIRTYPE)),
    ],
    ids=["traversal", "absolute", "device", "link", "content", "stowaway"],
)
def test_a_bundle_with_members_that_were_not_signed(fleet: Fleet, version: str, forge: Forge, tmp_path: Path) -> None:
    """The archive's digest is signed and right, its members are not: exit code 4, named, and no host has changed."""
    fleet.bring_to("1.2.0")
    plant(fleet.lab, *forged(tmp_path, version, forge))
    with as_it_was(fleet):
        ran = fleet.clmdeploy("deploy", version, *DEPLOY, "--limit", "app1").expecting(4)
    assert "bundle member" in ran.stderr
    assert ran.stderr.splitlines()[-3].startswith("Runs now: 1.2.0")


def test_a_bundle_that_changed_in_the_bucket(fleet: Fleet, tmp_path: Path) -> None:
    """One changed byte of a published bundle: no host unpacks it."""
    fleet.bring_to("1.2.0")
    made = build(variant(tmp_path, "8.2.6"), tmp_path / "out")
    content = bytearray(made.bundle.read_bytes())
    content[len(content) // 2] ^= 1
    plant(fleet.lab, made.release, bytes(content))
    with as_it_was(fleet):
        ran = fleet.clmdeploy("deploy", "8.2.6", *DEPLOY).expecting(4)
    assert "not what was signed" in ran.stderr


def test_a_full_disk(fleet: Fleet, tmp_path: Path) -> None:
    """A host without room: it is named, with how much is missing, and what was staged elsewhere is removed again."""
    fleet.bring_to("1.2.0")
    publish(fleet.clmdeploy, variant(tmp_path, "8.2.7"), tmp_path / "out").expecting(0)
    app2 = fleet.lab.host("app2")
    with as_it_was(fleet):
        app2.fill("/opt/clm/releases", free=10_000)
        try:
            ran = fleet.clmdeploy("deploy", "8.2.7", *DEPLOY).expecting(4)
        finally:
            app2.unfill()
    assert "app2" in ran.stderr
    assert "MiB needed" in ran.stderr


@pytest.fixture
def expressive(fleet: Fleet, tmp_path: Path) -> str:
    """8.3.0: an expression in every field of a release that is free text, and in the name of a file."""

    def edit(manifest: dict[str, Any]) -> None:
        manifest["notes"] = {"ru": EXPRESSION, "en": EXPRESSION}
        manifest["documents"] = [f"docs/{NAME}.md"]
        manifest["components"][0]["after_start"] = ["bin/say", EXPRESSION]

    source = variant(tmp_path, "8.3.0", edit=edit)
    (source / "docs" / f"{NAME}.md").write_text(EXPRESSION, "utf-8")
    (source / "bin" / "say").write_text('#!/bin/sh\nprintf %s "$1" > /tmp/said\n', "utf-8")
    (source / "bin" / "say").chmod(0o755)
    publish(fleet.clmdeploy, source, tmp_path / "out").expecting(0)
    return "8.3.0"


def test_expressions_are_text(fleet: Fleet, expressive: str) -> None:
    """Braces in notes, file names, hook arguments and reasons arrive as they were written; nobody evaluates them."""
    fleet.bring_to("1.2.0")
    before = set(PROJECT.rglob("clm-evil*"))
    reasons = ("--hotfix", EXPRESSION, "--reason", EXPRESSION, "--no-restore-point", EXPRESSION)
    words = ("deploy", expressive, "-e", "lab", "--yes", "--strategy", "all-at-once", *reasons)
    fleet.clmdeploy(*words).expecting(0)
    shown = fleet.clmdeploy("change", "show", "-e", "lab", "--json").expecting(0)
    assert shown.json["plan"]["reasons"] == {"hotfix": EXPRESSION, "no_restore_point": EXPRESSION}
    assert EXPRESSION in fleet.clmdeploy("release", "notes", expressive, "-e", "lab").expecting(0).stdout
    for name in ("app1", "app2", "app3"):
        host = fleet.lab.host(name)
        assert host.run(("cat", "/tmp/said")).stdout == EXPRESSION
        assert host.run(("cat", f"/opt/clm/current/docs/{NAME}.md")).stdout == EXPRESSION
    assert "clm-evil" not in "".join(line for line in _found_on_hosts(fleet) if NAME not in line)
    assert set(PROJECT.rglob("clm-evil*")) == before
    assert not Path("/tmp/clm-evil").exists()


def _found_on_hosts(fleet: Fleet) -> list[str]:
    find = ("find", "/", "-xdev", "-name", "*clm-evil*")
    return [line for host in (*MEMBERS, "lb1") for line in fleet.lab.host(host).run(find).stdout.splitlines()]
