"""`clmdeploy release` without hosts: bundles on disk, a bucket in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.desk import Desk
from tests.unit.cli.test_documented import documented


@pytest.fixture
def source(desk: Desk) -> Path:
    """The directory of a release that nobody has built yet."""
    desk.publish("1.3.0")
    place = desk.place / "new"
    (desk.place / "source-1.3.0").rename(place)
    manifest = place / "release.yml"
    manifest.write_text(manifest.read_text().replace("1.3.0", "1.4.0"))
    return place


def record(version: str) -> str:
    return f"clm/{version}/release.json"


def test_build_says_where_the_bundle_is(desk: Desk, source: Path) -> None:
    """The path alone on the first line, for scripts; the same in JSON, and as variables for a pipeline."""
    out, dotenv = desk.place / "dist", desk.place / "release.env"
    said = desk("release", "build", str(source), "--out", str(out), "--dotenv", str(dotenv))
    bundle = out / "clm-1.4.0.tar.gz"
    assert (said.code, said.out.splitlines()[0]) == (0, str(bundle))
    assert dotenv.read_text() == f"CLM_RELEASE_VERSION=1.4.0\nCLM_RELEASE_BUNDLE={bundle}\n"
    told = desk("release", "build", str(source), "--out", str(out), "--json").json
    assert (told["version"], told["bundle"], told["size"]) == ("1.4.0", str(bundle), bundle.stat().st_size)


def test_publish_signs_once_and_for_all(desk: Desk, source: Path) -> None:
    """The signature is left beside; the same bytes again are no failure, others are refused."""
    bundle = desk("release", "build", str(source), "--out", str(desk.place / "dist"), "--json").json["bundle"]
    first = desk("release", "publish", bundle, "-e", "lab", "--json").json
    assert (first["fresh"], first["signer"]) == (True, "admin@lab")
    assert Path(bundle).with_name("clm-1.4.0.release.json.sig").is_file()
    again = desk("release", "publish", bundle, "-e", "lab")
    assert again.code == 0
    assert "already published" in again.out
    (source / "units" / "web.service").write_text("other\n")
    desk("release", "build", str(source), "--out", str(desk.place / "dist"))
    stale = desk("release", "publish", bundle, "-e", "lab")
    assert (stale.code, "rm " in stale.err) == (3, True)
    Path(bundle).with_name("clm-1.4.0.release.json.sig").unlink()
    other = desk("release", "publish", bundle, "-e", "lab")
    assert (other.code, "other bytes" in other.err) == (3, True)


def test_a_signature_made_elsewhere_is_taken(desk: Desk, source: Path) -> None:
    """--signature FILE; one that was not made for this record is refused, and nothing is published."""
    bundle = desk("release", "build", str(source), "--out", str(desk.place / "dist"), "--json").json["bundle"]
    signature = desk.place / "elsewhere.sig"
    signature.write_bytes(b"nonsense")
    refused = desk("release", "publish", bundle, "-e", "lab", "--signature", str(signature))
    assert (refused.code, str(signature) in refused.err) == (3, True)
    document = Path(bundle).with_name("clm-1.4.0.release.json").read_bytes()
    signature.write_bytes(desk.signer.sign("clmdeploy.release", document))
    assert desk("release", "publish", bundle, "-e", "lab", "--signature", str(signature)).code == 0


def test_another_application_is_refused(desk: Desk, source: Path) -> None:
    """A release that this environment would never install is not published for it."""
    manifest = source / "release.yml"
    manifest.write_text(manifest.read_text().replace("name: clm", "name: other"))
    bundle = desk("release", "build", str(source), "--out", str(desk.place / "dist"), "--json").json["bundle"]
    refused = desk("release", "publish", bundle, "-e", "lab")
    assert (refused.code, "release of other" in refused.err) == (3, True)


def test_verify_finds_a_changed_byte(desk: Desk, source: Path) -> None:
    """Exit code 3; what is sound but unsigned is said to be so."""
    bundle = Path(desk("release", "build", str(source), "--out", str(desk.place / "dist"), "--json").json["bundle"])
    sound = desk("release", "verify", str(bundle))
    assert (sound.code, "not signed yet" in sound.out) == (0, True)
    content = bytearray(bundle.read_bytes())
    content[-10] ^= 1
    bundle.write_bytes(content)
    assert desk("release", "verify", str(bundle)).code == 3


def test_list_tells_of_damaged_releases_too(desk: Desk) -> None:
    """One bad record hides no other."""
    desk.releases.put(record("1.1.0"), b"{}")
    listed = desk("release", "list", "-e", "lab", "--json").json["releases"]
    assert [(one["version"], bool(one["fault"])) for one in listed] == [
        ("1.0.0", False), ("1.1.0", True), ("1.2.0", False),
    ]  # fmt: skip
    assert "admin@lab" in desk("release", "list", "-e", "lab").out


def test_show_tells_what_a_release_needs(desk: Desk) -> None:
    """Components and units for people, the signed record itself in JSON."""
    assert "web (app): web.service" in desk("release", "show", "1.1.0", "-e", "lab").out
    told = desk("release", "show", "1.1.0", "-e", "lab", "--json").json
    assert told["release"]["manifest"]["version"] == "1.1.0"
    unknown = desk("release", "show", "9.9.9", "-e", "lab")
    assert (unknown.code, "1.2.0" in unknown.err) == (3, True)


def test_notes_are_of_one_release_or_of_all_since(desk: Desk) -> None:
    """Newest first, in the language that was asked for."""
    one = desk("release", "notes", "1.2.0", "-e", "lab", "--json").json
    since = desk("release", "notes", "1.2.0", "--since", "1.0.0", "-e", "lab", "--lang", "ru")
    assert one["versions"] == ["1.2.0"]
    assert since.out.index("clm 1.2.0") < since.out.index("clm 1.1.0")
    assert "Описания нет" in since.out


def test_notes_since_a_later_release_name_what_is_missing(desk: Desk) -> None:
    """An impossible range is no empty success."""
    assert desk("release", "notes", "1.5.0", "--since", "1.0.0", "-e", "lab").code == 3


def test_diff_tells_files(desk: Desk) -> None:
    """For people and in JSON."""
    desk.publish("1.3.0", migrations=((1, "expand", "irreversible", "1.0.0"),), needs=1)
    assert "+ migration 1 (expand)" in desk("release", "diff", "1.2.0", "1.3.0", "-e", "lab").out
    told = desk("release", "diff", "1.2.0", "1.3.0", "-e", "lab", "--json").json
    assert (told["old"], told["new"], told["migrations_added"][0]["version"]) == ("1.2.0", "1.3.0", 1)


def test_history_tells_what_truly_happened(desk: Desk) -> None:
    """A deploy, one that took itself back, a rollback: oldest first, with reasons and hosts."""
    assert "nothing was ever installed" in desk("release", "history", "-e", "lab").out
    desk("deploy", "1.1.0", "-e", "lab", "--yes", "--reason", "ticket | 7")
    desk.fail("switch", "app3")
    desk("deploy", "1.2.0", "-e", "lab", "--yes")
    desk.hosts.before = lambda _act: None
    desk("rollback", "-e", "lab", "--yes")
    told = desk("release", "history", "-e", "lab", "--json").json["installations"]
    assert [(one["kind"], one["release"].split("-")[0], one["state"]) for one in told] == [
        ("deploy", "1.1.0", "done"), ("deploy", "1.2.0", "taken-back"), ("rollback", "1.0.0", "done"),
    ]  # fmt: skip
    assert told[1]["installed"] == []
    assert "app1" in told[1]["taken_back"]
    table = desk("release", "history", "-e", "lab").out
    assert "taken back: app1" in table
    markdown = desk("release", "history", "-e", "lab", "--markdown").out
    assert r"ticket \| 7" in markdown
    assert len([line for line in markdown.splitlines() if line.startswith("| ")]) == 2 + len(told)


def test_history_can_be_cut_to_the_newest(desk: Desk) -> None:
    """--last N: an environment of some years has thousands of changes."""
    for words in (("deploy", "1.1.0"), ("deploy", "1.2.0")):
        desk(*words, "-e", "lab", "--yes")
    told = desk("release", "history", "-e", "lab", "--last", "1", "--json").json["installations"]
    assert len(told) == 1


def test_json_has_the_documented_keys(desk: Desk, source: Path) -> None:
    """docs/json.md misses no key and promises none too many."""
    out = str(desk.place / "dist")
    built = desk("release", "build", str(source), "--out", out, "--json").json
    assert built.keys() == documented("release-build/1")
    verified = desk("release", "verify", built["bundle"], "--json").json
    assert verified.keys() == documented("release-build/1") | documented("release-verify/1")
    published = desk("release", "publish", built["bundle"], "-e", "lab", "--json").json
    assert published.keys() == documented("release-publish/1")
    for words in (("list",), ("show", "1.1.0"), ("notes", "1.1.0"), ("diff", "1.0.0", "1.1.0"), ("history",)):
        told = desk("release", *words, "-e", "lab", "--json").json
        assert told["format"] == f"release-{words[0]}/1"
        assert told.keys() == documented(told["format"])
