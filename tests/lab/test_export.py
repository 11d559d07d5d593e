"""`change export` on real hosts: whatever hosts log, no secret of the environment leaves the house in the archive."""

from __future__ import annotations

import hashlib
import json
import tarfile
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.fleet import AT_ONCE, Fleet

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Archive:
    """An archive, taken apart."""

    directory: str
    content: dict[str, bytes]

    @classmethod
    def read(cls, path: Path) -> Archive:
        with tarfile.open(path) as archive:
            files = ((member.name, archive.extractfile(member)) for member in archive)
            found = {name: file.read() for name, file in files if file}
        (directory,) = {name.partition("/")[0] for name in found}
        return cls(directory, {name.partition("/")[2]: body for name, body in found.items()})

    @property
    def manifest(self) -> dict[str, list[dict[str, str]]]:
        """What it says of itself."""
        found: dict[str, list[dict[str, str]]] = json.loads(self.content["manifest.json"])
        return found

    def text(self, name: str) -> str:
        return self.content[name].decode()


@pytest.fixture(scope="module")
def secrets(fleet: Fleet) -> dict[str, str]:
    """What must never be found, by name."""
    files = fleet.lab.inventories / "lab" / "secrets"
    return {
        "S3 access key": (files / "s3-access-key").read_text().strip(),
        "S3 secret key": (files / "s3-secret-key").read_text().strip(),
        "signing key": (files / "signing-key").read_text().splitlines()[2],
        "database password": fleet.lab.database_url.split(":")[2].partition("@")[0],
        "presigned address": "0123456789abcdef0123456789abcdef",
    }


@pytest.fixture(scope="module")
def changed(fleet: Fleet, secrets: dict[str, str]) -> Iterator[str]:
    """A change during which app1 logged everything that is secret, in many spellings; the log goes at the end."""
    fleet.bring_to("1.1.0")
    reason = ("--reason", secrets["S3 access key"])  # it stays in the journal: the half that is no secret elsewhere
    fleet.clmdeploy("deploy", "1.2.0", "-e", "lab", "--yes", *AT_ONCE, *reason).expecting(0)
    change = fleet.changes()[-1]
    said = [
        f"cannot reach {fleet.lab.database_url}", f"password={secrets['database password']} retrying",
        json.dumps({"PGPASSWORD": secrets["database password"]}), f"signing with {secrets['S3 secret key']}",
        f"as {secrets['S3 access key']}: {urllib.parse.quote(secrets['S3 secret key'], safe='')}",
        f"GET https://s3/clm?X-Amz-Credential=x&X-Amz-Signature={secrets['presigned address']}&X-Amz-Expires=60",
        *(fleet.lab.inventories / "lab" / "secrets" / "signing-key").read_text().splitlines(), "the last line",
    ]  # fmt: skip
    unit = f"--unit=clm-{change}-sentinel"
    fleet.lab.host("app1").run(("systemd-run", "--quiet", "--wait", "--collect", unit, "printf", "%s\\n", *said))
    yield change
    fleet.lab.host("app1").run(("journalctl", "--rotate", "--vacuum-time=1s"))


def exported(fleet: Fleet, out: Path, *words: str) -> Archive:
    """The archive that the command writes."""
    fleet.clmdeploy("change", "export", *words, "-e", "lab", "--out", str(out)).expecting(0)
    return Archive.read(out)


def test_no_secret_leaves_the_house(fleet: Fleet, changed: str, secrets: dict[str, str], tmp_path: Path) -> None:
    """S3 keys, the database password of shared/clm.env, the signing key: all were logged, none is in the archive."""
    logged = fleet.lab.host("app1").run(("journalctl", "--no-pager", f"--unit=clm-{changed}-sentinel")).stdout
    assert [name for name, secret in secrets.items() if secret not in logged] == []
    archive = exported(fleet, tmp_path / "out.tar.gz", changed)
    assert "the last line" in archive.text("hosts/app1/log.txt")
    raw = b"\n".join(archive.content.values())
    assert [name for name, secret in secrets.items() if secret.encode() in raw] == []
    assert [line for line in _key_lines(fleet) if line.encode() in raw] == []


def _key_lines(fleet: Fleet) -> list[str]:
    lines = (fleet.lab.inventories / "lab" / "secrets" / "signing-key").read_text().splitlines()
    return [line for line in lines if not line.startswith("-----")]


def test_the_archive_tells_what_happened(fleet: Fleet, changed: str, tmp_path: Path) -> None:
    """Plan, every event, results and logs of all hosts, and each member as its manifest says."""
    archive = exported(fleet, tmp_path / "out.tar.gz")
    assert archive.directory == f"clm-export-{changed}"
    for entry in archive.manifest["members"]:
        assert hashlib.sha256(archive.content[entry["name"]]).hexdigest() == entry["sha256"]
    assert {entry["name"] for entry in archive.manifest["members"]} == archive.content.keys() - {"manifest.json"}
    assert archive.manifest["missing"] == []
    events = [json.loads(line) for line in archive.text("events.jsonl").splitlines()]
    assert [events[0]["event"]["kind"], events[-1]["event"]["kind"]] == ["opened", "closed"]
    for host in ("app1", "app2", "app3", "worker1"):
        assert "CLM 1.2.0" in archive.text(f"hosts/{host}/log.txt")
        results = json.loads(archive.text(f"hosts/{host}/results.json"))
        assert {one["status"] for one in results.values()} == {"done"}
        assert any("switch" in unit for unit in results)
    versions = json.loads(archive.text("versions.json"))
    assert {one["guard"] for one in versions["hosts"].values()} == {versions["guard"]}


def test_what_can_not_be_reached_is_named(fleet: Fleet, changed: str, tmp_path: Path) -> None:
    """A host off the network, then the storage too: the rest is exported, exit code 0; of what nobody knows nothing."""
    with cut(fleet, "app2"):
        archive = exported(fleet, tmp_path / "1.tar.gz", changed)
        assert [entry["what"] for entry in archive.manifest["missing"]] == ["app2"]
        assert "hosts/app1/log.txt" in archive.content
        with cut(fleet, "store1"):
            out = tmp_path / "2.tar.gz"
            ran = fleet.clmdeploy("change", "export", "-e", "lab", "--out", str(out)).expecting(0)
            assert "state bucket" in ran.stderr
            archive = Archive.read(out)
            assert archive.directory == f"clm-export-{changed}"
            assert {"plan.json", "events.jsonl", "hosts/worker1/log.txt"} <= archive.content.keys()
            fresh = {"XDG_STATE_HOME": str(tmp_path / "another control node")}
            words = ("change", "export", changed, "-e", "lab", "--out", str(tmp_path / "3.tar.gz"))
            fleet.clmdeploy(*words, environ=fresh).expecting(4)
            assert not (tmp_path / "3.tar.gz").exists()


@contextmanager
def cut(fleet: Fleet, host: str) -> Iterator[None]:
    """Off the network for a while."""
    fleet.lab.host(host).cut()
    try:
        yield
    finally:
        fleet.lab.host(host).heal()
