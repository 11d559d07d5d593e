"""What is wrong is refused before anything is touched: a clear error, the documented exit code, and no trace.

That nothing was touched is checked once for all of this module: on every host, in the database, balancer and journal.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clmdeploy.adapters.openssh import OpenSshSigner
from clmdeploy.lab.sample import write_release
from clmdeploy.releases.built import document_path
from clmdeploy.releases.bundle import build
from tests.lab.command_line import publish
from tests.lab.craft import plant, variant
from tests.lab.fleet import NO_RESTORE_POINT, Fleet

pytestmark = pytest.mark.timeout(900)
Edit = Callable[[dict[str, Any]], None]
_TEMPLATE_HOST = "all: {children: {app: {hosts: {app1: {ansible_host: \"{{ lookup('pipe', 'id') }}\"}}}}}"
DEPLOY = ("deploy", "1.2.0", "-e", "lab", "--yes", *NO_RESTORE_POINT)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_touched(fleet: Fleet) -> Iterator[None]:
    """1.1.0 runs; whatever the tests of this module try, no trace of it may be found afterwards."""
    fleet.bring_to("1.1.0")
    with fleet.untouched():
        yield


@pytest.fixture
def inventories(fleet: Fleet, tmp_path: Path) -> Path:
    """A copy of the inventories, to be spoilt."""
    return shutil.copytree(fleet.lab.inventories, tmp_path / "inventories")


def edited(inventories: Path, edit: Edit) -> None:
    """Change clm.yml of the copy."""
    file = inventories / "lab" / "clm.yml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    edit(settings)
    file.write_text(yaml.safe_dump(settings), "utf-8")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("deploy", "7.7.7", "-e", "lab", "--yes"), 3, "7.7.7"),
        (("deploy", "../../etc", "-e", "lab", "--yes"), 2, "../../etc"),
        (("deploy", "1.2.0", "-e", "nowhere", "--yes"), 3, "nowhere"),
        (("deploy", "1.2.0", "-e", "../lab", "--yes"), 3, "../lab"),
        (("deploy", "1.2.0", "-e", "lab"), 2, "--yes"),
        (("deploy", "1.2.0", "-e", "lab", "--yes", "--limit", "app9"), 3, "app9"),
        (("deploy", "1.0.0", "-e", "lab", "--yes"), 2, "rollback"),
        (("rollback", "--to", "2.0.0", "-e", "lab", "--yes"), 2, "deploy"),
        (("change", "apply", "/nonexistent/plan", "-e", "lab", "--yes"), 3, "/nonexistent/plan"),
        (("change", "abort", "-e", "lab"), 2, "no change is open"),
        (("release", "publish", "/nonexistent.tar.gz", "-e", "lab"), 2, "/nonexistent.tar.gz"),
    ],
)
def test_a_command_line_without_sense(fleet: Fleet, words: tuple[str, ...], code: int, told: str) -> None:
    """Unknown versions, environments, hosts and files, missing flags and wrong directions: named, and refused."""
    assert told in fleet.clmdeploy(*words).expecting(code).stderr


@pytest.mark.parametrize(
    ("edit", "code", "told"),
    [
        (lambda settings: settings["rollout"].update(speed="fast"), 3, "rollout.speed"),
        (lambda settings: settings.update(colour="blue"), 3, "colour"),
        (lambda settings: settings["rollout"].update(batch="many"), 3, "rollout.batch"),
        (lambda settings: settings["storage"].update(region="{{ lookup('pipe', 'id') }}"), 3, "storage.region"),
        (lambda settings: settings["trust"].update(principal="{{ 7 * 6 }} x"), 3, "trust.principal"),
        (lambda settings: settings.update(uuid="00000000-0000-4000-8000-000000000000"), 4, "app1"),
        (lambda settings: settings["storage"].update(endpoint="https://127.0.0.1:9"), 4, "127.0.0.1:9"),
        (lambda settings: settings["storage"].update(state_bucket="nobodys-bucket"), 4, "nobodys-bucket"),
        (lambda settings: settings["storage"].pop("ca_file"), 4, "certificate"),
    ],
    ids=["unknown-key", "unknown-top", "bad-value", "template", "template-2", "uuid", "port", "bucket", "no-ca"],
)  # fmt: skip
def test_settings_that_are_wrong(fleet: Fleet, inventories: Path, edit: Edit, code: int, told: str) -> None:
    """A fault of clm.yml is named by its key; storage or hosts that don't fit it refuse."""
    edited(inventories, edit)
    assert told in fleet.clmdeploy("--inventories", str(inventories), *DEPLOY).expecting(code).stderr


@pytest.mark.parametrize(
    ("name", "content", "code", "told"),
    [
        ("secrets/s3-secret-key", "0123456789abcdef0123456789abcdef\n", 4, "key"),
        ("secrets/s3-access-key", "nobody\n", 4, "key"),
        ("secrets/signing-key", "no key at all\n", 3, "signing"),
        ("allowed_signers", "", 3, "allowed_signers"),
        ("hosts.yml", _TEMPLATE_HOST, 3, "app1"),
        ("group_vars/all.yml", "greeting: \"{{ lookup('pipe', 'id') }}\"\n", 3, "greeting"),
        ("hosts.yml", "[app]\napp1\n", 3, "hosts.yml"),
        ("clm.yml", "&a [*a, *a]\n", 3, "clm.yml"),
    ],
    ids=["secret-key", "access-key", "signing-key", "signers", "template-host", "template-var", "ini", "recursive"],
)  # fmt: skip
def test_files_that_are_wrong(fleet: Fleet, inventories: Path, name: str, content: str, code: int, told: str) -> None:
    """Wrong keys and damaged files of an environment are named; no secret is repeated."""
    (inventories / "lab" / name).parent.mkdir(exist_ok=True)
    (inventories / "lab" / name).write_text(content, "utf-8")
    ran = fleet.clmdeploy("--inventories", str(inventories), *DEPLOY).expecting(code)
    assert told in ran.stderr
    assert "0123456789abcdef" not in ran.said


def test_a_host_with_another_key(fleet: Fleet, inventories: Path) -> None:
    """A host that shows another key than the pinned one is not talked to."""
    known = inventories / "lab" / "known_hosts"
    app1, app2 = fleet.lab.host("app1").address, fleet.lab.host("app2").address
    swapped = known.read_text().replace(app1, "192.0.2.1").replace(app2, app1).replace("192.0.2.1", app2)
    known.write_text(swapped)
    ran = fleet.clmdeploy("--inventories", str(inventories), *DEPLOY).expecting(4)
    assert "app1" in ran.stderr
    assert "host key" in ran.stderr


def test_a_silent_host(fleet: Fleet) -> None:
    """A host that does not answer stops the work before it begins; it is named, and how to leave it out."""
    fleet.lab.host("app3").cut()
    try:
        ran = fleet.clmdeploy(*DEPLOY).expecting(4)
    finally:
        fleet.lab.host("app3").heal()
    assert "app3" in ran.stderr
    assert "--limit" in ran.stderr


@pytest.fixture(scope="module")
def plan(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A signed plan, as a file would carry it from hand to hand."""
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    fleet.clmdeploy("deploy", "1.2.0", "-e", "lab", "--plan-out", str(file)).expecting(0)
    return file.read_bytes()


@pytest.mark.parametrize("place", [0.02, 0.2, 0.4, 0.6, 0.8, 0.98])
def test_a_plan_with_a_changed_byte(fleet: Fleet, plan: bytes, place: float, tmp_path: Path) -> None:
    """Wherever a byte of a signed plan is another, the plan is not applied."""
    at = next(at for at in range(int(len(plan) * place), len(plan)) if chr(plan[at]).isalnum())
    file = tmp_path / "plan.json"
    file.write_bytes(plan[:at] + (b"7" if plan[at : at + 1] != b"7" else b"8") + plan[at + 1 :])
    fleet.clmdeploy("change", "apply", str(file), "-e", "lab", "--yes").expecting(3)


def test_a_plan_whose_settings_have_changed(fleet: Fleet, plan: bytes, inventories: Path, tmp_path: Path) -> None:
    """A plan binds what it was made from: with other settings it is not applied."""
    (tmp_path / "plan.json").write_bytes(plan)
    edited(inventories, lambda settings: settings["rollout"].update(soak=1))
    words = ("change", "apply", str(tmp_path / "plan.json"), "-e", "lab", "--yes")
    assert "settings" in fleet.clmdeploy("--inventories", str(inventories), *words).expecting(3).stderr


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("", "release.yml"),
        ("{{ lookup('pipe', 'id') }}", "release.yml"),
        ("&a [*a]", "release.yml"),
        ("format: release/1\nname: clm\nversion: 99999999999999999999.0.0\ncomponents: []\n", "version"),
        ("format: release/99\nname: [clm]\nversion: {}\ncomponents: 7\n", "components"),
        ("x: " + "[" * 5000, "release.yml"),
    ],
    ids=["empty", "template", "recursive", "huge-version", "wrong-kinds", "deep"],
)
def test_an_absurd_manifest(fleet: Fleet, manifest: str, told: str, tmp_path: Path) -> None:
    """No release is built from it; the fault is named."""
    source = write_release("1.2.0", tmp_path / "source")
    (source / "release.yml").write_text(manifest, "utf-8")
    words = ("release", "build", str(source), "--out", str(tmp_path / "out"))
    assert told in fleet.clmdeploy(*words).expecting(3).stderr
    assert not (tmp_path / "out").exists()


def test_a_bundle_that_changed_after_it_was_built(fleet: Fleet, tmp_path: Path) -> None:
    """One changed byte on the disk: it is not published."""
    made = build(variant(tmp_path, "8.0.0"), tmp_path / "out")
    content = bytearray(made.bundle.read_bytes())
    content[len(content) // 2] ^= 1
    made.bundle.write_bytes(content)
    ran = fleet.clmdeploy("release", "publish", str(made.bundle), "-e", "lab").expecting(3)
    assert made.bundle.name in ran.stderr
    assert "8.0.0" not in fleet.clmdeploy("release", "list", "-e", "lab").expecting(0).stdout


def test_a_version_is_published_once(fleet: Fleet, tmp_path: Path) -> None:
    """The same version with other bytes is refused."""
    source = write_release("1.2.0", tmp_path / "source")
    (source / "docs" / "operations.md").write_text("another text\n", "utf-8")
    assert "1.2.0" in publish(fleet.clmdeploy, source, tmp_path / "out").expecting(3).stderr


@pytest.fixture
def stranger(tmp_path: Path) -> OpenSshSigner:
    """A key that nobody trusts."""
    key = tmp_path / "stranger"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True, timeout=30)
    return OpenSshSigner(key)


def test_a_release_signed_by_a_stranger(fleet: Fleet, stranger: OpenSshSigner, tmp_path: Path) -> None:
    """A release in the bucket that no trusted key has signed is not deployed."""
    made = build(variant(tmp_path, "8.0.1"), tmp_path / "out")
    plant(fleet.lab, made.release, made.bundle.read_bytes(), stranger)
    ran = fleet.clmdeploy("deploy", "8.0.1", "-e", "lab", "--yes", *NO_RESTORE_POINT).expecting(3)
    assert "allowed_signers" in ran.stderr


@pytest.mark.parametrize(("version", "spoil"), [("8.0.2", b"x"), ("8.0.3", b"")], ids=["changed", "cut off"])
def test_a_record_that_changed_in_the_bucket(fleet: Fleet, version: str, spoil: bytes, tmp_path: Path) -> None:
    """A published record with another byte, or without its end, is not what was signed."""
    made = build(variant(tmp_path, version), tmp_path / "out")
    plant(fleet.lab, made.release, made.bundle.read_bytes())
    document = document_path(made.bundle).read_bytes()
    spoilt = document.replace(b"clm", b"cl" + spoil, 1) if spoil else document[:-100]
    client, bucket = fleet.lab.storage.client(), fleet.lab.storage.release_bucket
    client.put_object(Bucket=bucket, Key=f"clm/{version}/release.json", Body=spoilt)
    fleet.clmdeploy("deploy", version, "-e", "lab", "--yes", *NO_RESTORE_POINT).expecting(3)


@pytest.mark.parametrize(
    ("version", "path"), [("8.1.0", "../clm-evil"), ("8.1.1", "/etc/clm-evil"), ("8.1.2", "a/../../clm-evil")]
)
def test_a_signed_record_with_a_path_that_leads_out(fleet: Fleet, version: str, path: str, tmp_path: Path) -> None:
    """Even the administrator's own signature does not let a path out of the release directory."""
    made = build(variant(tmp_path, version), tmp_path / "out")
    first = made.release.files[0].model_copy(update={"path": path})
    plant(fleet.lab, made.release.model_copy(update={"files": (first, *made.release.files[1:])}), b"")
    ran = fleet.clmdeploy("deploy", version, "-e", "lab", "--yes", *NO_RESTORE_POINT).expecting(3)
    assert "clm-evil" in ran.stderr
