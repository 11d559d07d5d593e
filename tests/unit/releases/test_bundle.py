"""Building: the same tree gives the same bytes, and what should never reach a host is refused here."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from clmdeploy.model.errors import InvalidInput
from clmdeploy.releases import tree as tree_module
from clmdeploy.releases.archive import check
from clmdeploy.releases.built import Built, document_path, load_built
from clmdeploy.releases.bundle import build
from clmdeploy.releases.record import from_bytes


def _faults(directory: Path) -> list[str]:
    out = directory.parent / "never"
    with pytest.raises(InvalidInput) as caught:
        build(directory, out)
    assert not out.exists() or list(out.iterdir()) == []
    return caught.value.message.split("\n")


def _edit(directory: Path, old: str, new: str) -> None:
    manifest = directory / "release.yml"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))


def test_what_is_built_passes_its_check(built: Built, tree: Path) -> None:
    """The bundle holds every file with its digest, mode and link, and release.json says so."""
    check(built.bundle, built.release)
    assert built.release == from_bytes(built.document, "release.json")
    entries = {entry.path: entry for entry in built.release.files}
    expected = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_symlink() or path.is_file()}
    assert set(entries) == expected
    assert entries["bin/check"].mode == 0o755
    assert entries["release.yml"].mode == 0o644
    assert entries["release.yml"].sha256 == hashlib.sha256((tree / "release.yml").read_bytes()).hexdigest()
    assert entries["web/tool"].target == "../bin/check"
    assert built.release.bundle.sha256 == hashlib.sha256(built.bundle.read_bytes()).hexdigest()
    assert built.release.directory == f"1.2.0-{built.release.bundle.sha256[:8]}"


def test_building_twice_gives_the_same_bytes(built: Built, tree: Path, tmp_path: Path) -> None:
    """Bundle and release.json, byte by byte."""
    again = build(tree, tmp_path / "again")
    assert again.bundle.read_bytes() == built.bundle.read_bytes()
    assert again.document == built.document
    assert document_path(again.bundle).read_bytes() == built.document


def test_times_modes_owners_and_order_do_not_show(built: Built, tree: Path, tmp_path: Path) -> None:
    """A copy of the tree made later, in another order, under another umask, as another owner, in another directory."""
    copy = tmp_path / "elsewhere" / "copy"
    copy.mkdir(parents=True)
    for path in sorted(tree.rglob("*"), reverse=True):
        target = copy / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.is_file():
            shutil.copy2(path, target, follow_symlinks=False)
            os.utime(target, (10**9 + len(str(path)), 1), follow_symlinks=False)
        if path.is_file() and not path.is_symlink():
            target.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
    (copy / "left-empty").mkdir()
    if os.geteuid() == 0:
        os.chown(copy / "release.yml", 12345, 54321)
    before = os.umask(0o077)
    try:
        again = build(copy, tmp_path / "again")
    finally:
        os.umask(before)
    assert again.bundle.read_bytes() == built.bundle.read_bytes()
    assert again.document == built.document


def test_hard_links_are_files_like_others(built: Built, tree: Path, tmp_path: Path) -> None:
    """Two names of one file are packed as two files, as a copy of the tree would be."""
    (tree / "bin" / "drain").unlink()
    os.link(tree / "bin" / "check", tree / "bin" / "drain")
    assert build(tree, tmp_path / "again").bundle.read_bytes() == built.bundle.read_bytes()


def test_the_archive_names_nobody_and_no_time(built: Built) -> None:
    """Owner 0 without names, time 0, no file name in gzip's header; tar(1) reads it too."""
    header = built.bundle.read_bytes()[:10]
    assert header[3] == 0, "no file name, no comment"
    assert header[4:8] == bytes(4), "no time"
    with tarfile.open(built.bundle) as archive:
        members = archive.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert [m.name for m in members] == sorted(m.name for m in members)
    listed = subprocess.run(["tar", "-tzf", built.bundle, "--quoting-style=literal"], capture_output=True, check=True)
    assert listed.stdout.decode().splitlines() == [m.name for m in members]


def test_memory_does_not_grow_with_the_files(tree: Path, tmp_path: Path) -> None:
    """A file of 300 MB is packed and checked within 100 MB of memory above the interpreter's."""
    with (tree / "web" / "large").open("wb") as file:
        file.truncate(300 * 1024**2)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from clmdeploy.releases.bundle import build; from clmdeploy.releases.archive import check\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "built = build(Path(sys.argv[1]), Path(sys.argv[2])); check(built.bundle, built.release)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tree, tmp_path / "out"], capture_output=True, check=True)
    assert int(done.stdout) < 100 * 1024


def test_ignored_files_stay_out(tree: Path, tmp_path: Path, built: Built) -> None:
    """.clmignore, version control and compiled Python leave no trace in the bundle."""
    (tree / ".clmignore").write_text("*.log\nnode_modules/\n")
    for path in ("debug.log", "web/x.log", "node_modules/a/b.js", ".git/HEAD", "clm/__pycache__/a.pyc"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("x")
    os.mkfifo(tree / "node_modules" / "pipe")
    assert build(tree, tmp_path / "again").document == built.document


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "../../etc/passwd", "web/../../outside", "bin/..", "a\\b", "a\nb"]
)
def test_links_that_lead_out_are_refused(tree: Path, target: str) -> None:
    """Absolute links, links above the release, and '..' behind a name."""
    (tree / "link").symlink_to(target)
    assert len(faults := _faults(tree)) == 1
    assert "link: the link leads out of the release" in faults[0]


def test_devices_pipes_and_sockets_are_refused(tree: Path) -> None:
    """What is neither file nor link is refused, all of it at once, and never opened."""
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tree / "socket"))
        if os.geteuid() == 0:
            os.mknod(tree / "device", 0o20644, os.makedev(1, 3))
        faults = _faults(tree)
    assert all("neither a file nor a link" in fault for fault in faults)
    assert len(faults) == (3 if os.geteuid() == 0 else 2)


@pytest.mark.parametrize("name", [b"a\x1b[2Jb", b"a\nb", b"a\\b", b"\xff\xfe", b"a\xc2\x85b", "a\u2028b".encode()])
def test_names_that_steer_terminals_are_refused(tree: Path, name: bytes) -> None:
    """Control characters, backslashes, line separators and bytes that are not UTF-8; the message is printable."""
    Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_text("x")
    (fault,) = _faults(tree)
    assert "a name must be UTF-8 without control characters" in fault
    assert fault.isprintable()


def test_the_hosts_mark_is_not_for_bundles(tree: Path) -> None:
    """The name under which hosts record that a release is whole can't be brought along."""
    from clmdeploy.hostside.acts.layout import MARK

    assert tree_module.RESERVED == MARK
    (tree / MARK).write_text("{}")
    assert "the tool's own" in _faults(tree)[0]


def test_what_the_manifest_names_must_be_there(tree: Path) -> None:
    """Units, hooks, documents and shared paths: every fault at once, with its key path."""
    for path in ("units/web.service", "bin/drain", "docs/operations.md"):
        (tree / path).unlink()
    (tree / "bin" / "schema").chmod(0o644)
    (tree / "content").mkdir()
    (tree / "content" / "banner.png").write_text("x")
    keys = [fault.partition("release.yml: ")[2] for fault in _faults(tree)]
    assert keys == [
        "components.0.units.0: units/web.service is not in the bundle",
        "components.0.before_stop: bin/drain is not in the bundle",
        "schema.version_command: bin/schema is not executable",
        "schema.migrations.0.apply: bin/schema is not executable",
        "documents.0: docs/operations.md is not in the bundle",
        "shared.0.path: the bundle holds content itself",
    ]


def test_hooks_may_be_links_and_programs_of_the_host(tree: Path, tmp_path: Path) -> None:
    """A link to an executable file, also through a linked directory, an absolute path, and a name found on PATH."""
    (tree / "bin" / "drain").unlink()
    (tree / "bin" / "drain").symlink_to("check")
    (tree / "tools").symlink_to("bin")
    _edit(tree, "[bin/schema, version]", "[tools/schema, version]")
    _edit(tree, '[bin/schema, up, "1"]', "[psql, -f, x.sql]")
    _edit(tree, "[bin/check, --quick]", "[/usr/bin/true]")
    assert build(tree, tmp_path / "out").release.version.text == "1.2.0"


def test_links_in_a_circle_are_no_hook(tree: Path) -> None:
    """A hook that is a link to itself is missing, not an endless search."""
    (tree / "bin" / "drain").unlink()
    (tree / "bin" / "drain").symlink_to("drain")
    assert "components.0.before_stop: bin/drain is not in the bundle" in _faults(tree)[0]


def test_too_many_files_are_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of files or bytes nothing is packed."""
    monkeypatch.setattr(tree_module, "MOST_FILES", 5)
    assert "more than 5 files" in _faults(tree)[0]


def test_too_many_bytes_are_refused_before_they_are_read(tree: Path) -> None:
    """A tree above 8 GiB is refused by its sizes."""
    with (tree / "huge").open("wb") as file:
        file.truncate(9 * 1024**3)
    assert "more than 8 GiB" in _faults(tree)[0]


def test_deep_trees_are_walked(tree: Path, tmp_path: Path) -> None:
    """Directories nested beyond Python's own stack are no trouble; paths beyond 1,024 characters are refused."""
    here = os.open(tree, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    deepest = tree / "/".join(["d"] * 1500)
    try:
        assert build(tree, tmp_path / "out").release.files
        (deepest / "file").write_text("x")
        assert "1024 as a path" in _faults(tree)[0]
    finally:
        subprocess.run(["rm", "-rf", tree / "d"], check=True)  # pytest's own removal recurses


def test_an_output_directory_inside_must_be_ignored(tree: Path) -> None:
    """A bundle is never packed into itself: refused, unless .clmignore keeps that directory out."""
    for inside in (tree, tree / "dist", tree / "web" / "dist", tree / "web" / ".." / "dist"):
        with pytest.raises(InvalidInput, match="lies inside the release"):
            build(tree, inside)
    (tree / ".clmignore").write_text("/dist\n")
    first = build(tree, tree / "dist")
    assert build(tree, tree / "dist").document == first.document


def test_a_file_that_grows_while_it_is_packed_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that somebody writes to gives no bundle."""
    from clmdeploy.releases import bundle as bundle_module

    def scan_and_write(directory: Path, rules: object) -> object:
        found = tree_module.scan(directory, rules)  # type: ignore[arg-type]
        with (directory / "docs" / "operations.md").open("a") as file:
            file.write("more")
        return found

    monkeypatch.setattr(bundle_module, "scan", scan_and_write)
    assert "operations.md: changed while it was packed" in _faults(tree)[0]


def test_the_manifest_can_not_be_ignored(tree: Path) -> None:
    """A rule that would keep release.yml out is refused."""
    (tree / ".clmignore").write_text("*.yml\n")
    assert "keeps release.yml out" in _faults(tree)[0]


def test_is_found_again_by_either_file(built: Built, tmp_path: Path) -> None:
    """What was built is loaded by the path of its bundle or of its release.json; half of it is refused."""
    assert load_built(built.bundle) == load_built(document_path(built.bundle)) == built
    with pytest.raises(InvalidInput, match="neither a bundle"):
        load_built(tmp_path / "x.zip")
    document_path(built.bundle).rename(tmp_path / "moved")
    with pytest.raises(InvalidInput, match=r"release\.json: can't be read"):
        load_built(built.bundle)


def test_a_directory_that_can_not_be_written_is_named(tree: Path, tmp_path: Path) -> None:
    """The output path that is a file."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="file: can't be made a directory"):
        build(tree, tmp_path / "file")


def test_gzip_holds_one_stream_without_a_tail(built: Built) -> None:
    """Nothing stands behind the archive's end."""
    with gzip.open(built.bundle) as stream:
        content = stream.read()
    assert content.endswith(bytes(1024))
    assert len(content) % tarfile.RECORDSIZE == 0
