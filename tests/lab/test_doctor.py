"""`doctor` on real hosts: what is in order, and every fault with its cause and remedy."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clmdeploy.lab import Lab
from tests.lab.command_line import CommandLine, Ran
from tests.lab.fleet import Fleet

DEAD_HOST_LIMIT = (
    30  # seconds: a silent host costs one connect time limit (8 s), not one a question; the rest is start-up
)


@pytest.fixture
def inventories(lab: Lab, tmp_path: Path) -> Path:
    """A copy of the lab's inventories to spoil."""
    return Path(shutil.copytree(lab.inventories, tmp_path / "inventories"))


@pytest.fixture
def mended(lab: Lab) -> Iterator[None]:
    """Whatever a test breaks is mended."""
    yield
    lab.host("app1").heal()
    lab.host("store1").start()


def doctor(clmdeploy: CommandLine, *words: str, environ: dict[str, str] | None = None) -> Ran:
    return clmdeploy(*words, "doctor", "-e", "lab", "--json", environ=environ)


def found(ran: Ran, subject: str, name: str) -> dict[str, Any]:
    """The one check of that subject and name."""
    (check,) = [one for one in ran.json["checks"] if (one["subject"], one["name"]) == (subject, name)]
    return dict(check)


def test_a_sound_environment_has_no_fault(fleet: Fleet) -> None:
    """Exit code 0, and every host, bucket and balancer was really asked."""
    ran = doctor(fleet.clmdeploy).expecting(0)
    assert ran.json["verdict"] == "ok"
    assert {check["subject"] for check in ran.json["checks"]} == {
        "", "clm-state", "clm-releases", "clm-backups", "lb1", "db1", "db2", "worker1", "backup1", "app1",
        "app2", "app3",
    }  # fmt: skip
    assert "keep" not in ran.stderr


def test_what_is_claimed_of_backups_was_tried(fleet: Fleet) -> None:
    """The lab's bucket is locked, and the keys of the servers on the backup host may not delete in it."""
    ran = doctor(fleet.clmdeploy).expecting(0)
    assert found(ran, "clm-backups", "immutability")["finding"] == "nobody can remove what is stored for 1 d"
    left = "of this probe stay below clmdeploy-probe/, locked for 1 d"
    assert left in found(ran, "clm-backups", "reachable")["finding"]
    for keys in ("archive", "files"):
        assert found(ran, "clm-backups", f"keys: {keys}")["verdict"] == "ok"
    assert "multipart uploads" in {check["name"] for check in ran.json["checks"] if check["subject"] == "clm-releases"}


def test_keys_that_may_delete_are_told(fleet: Fleet, inventories: Path) -> None:
    """Those of the jobs, given to the server that database hosts reach: what root there would get."""
    path = inventories / "lab" / "clm.yml"
    settings = yaml.safe_load(path.read_text())
    settings["backup"]["storage"]["archive"] = settings["backup"]["storage"]["keys"]
    del settings["backup"]["storage"]["files"]
    path.write_text(yaml.safe_dump(settings))
    ran = doctor(fleet.clmdeploy, "--inventories", str(inventories)).expecting(0)
    for keys, words in (("archive", "root there can get them"), ("files", "not set")):
        check = found(ran, "clm-backups", f"keys: {keys}")
        assert check["verdict"] == "warn"
        assert words in check["finding"]
        assert f"backup.storage.{keys}" in check["remedy"]


@pytest.mark.usefixtures("mended")
def test_a_dead_host_is_named_and_costs_little(fleet: Fleet) -> None:
    """The others are still judged; the whole takes no longer than one time limit."""
    fleet.lab.host("app1").cut()
    begun = time.monotonic()
    ran = doctor(fleet.clmdeploy).expecting(4)
    assert time.monotonic() - begun < DEAD_HOST_LIMIT
    assert "does not answer" in found(ran, "app1", "SSH")["finding"]
    assert found(ran, "app2", "guard answers")["verdict"] == "ok"


@pytest.mark.usefixtures("mended")
def test_silent_storage_is_one_fault_a_bucket(fleet: Fleet) -> None:
    """Hosts are judged all the same."""
    fleet.lab.host("store1").kill()
    ran = doctor(fleet.clmdeploy).expecting(4)
    for bucket in ("clm-state", "clm-releases"):
        check = found(ran, bucket, "reachable")
        assert check["verdict"] == "fail"
        assert "storage.endpoint" in check["remedy"]
    assert found(ran, "app1", "guard answers")["verdict"] == "ok"


def test_wrong_keys_are_told_apart(fleet: Fleet, inventories: Path) -> None:
    """A wrong secret key, a signing key that nobody trusts, a host key that is another: each with its own remedy."""
    secrets = inventories / "lab" / "secrets"
    (secrets / "s3-secret-key").write_text("wrong\n")
    secrets.joinpath("signing-key").write_text(other_key(inventories.parent))
    change_host_key(inventories / "lab" / "known_hosts", fleet.lab.host("app2").address)
    ran = doctor(fleet.clmdeploy, "--inventories", str(inventories)).expecting(4)
    assert "refuses the secret key" in found(ran, "clm-state", "reachable")["finding"]
    assert "storage.secret_key" in found(ran, "clm-state", "reachable")["remedy"]
    assert found(ran, "", "signing key")["verdict"] == "fail"
    assert "another host key" in found(ran, "app2", "SSH")["finding"]
    assert found(ran, "app1", "SSH")["verdict"] == "ok"


def test_an_unset_variable_is_named(fleet: Fleet, inventories: Path) -> None:
    """Secrets that can't be read are told by the variable's name, before anybody looks for another cause."""
    path = inventories / "lab" / "clm.yml"
    settings = yaml.safe_load(path.read_text())
    settings["storage"]["access_key"] = {"env": "CLM_NOT_SET"}
    path.write_text(yaml.safe_dump(settings))
    ran = doctor(fleet.clmdeploy, "--inventories", str(inventories)).expecting(4)
    assert "CLM_NOT_SET" in found(ran, "", "secrets")["finding"]


def test_a_host_that_was_wiped_is_to_be_set_up(fleet: Fleet) -> None:
    """The remedy is the very command; a guard that somebody edited is found as well."""
    app2, app3 = fleet.lab.host("app2"), fleet.lab.host("app3")
    guard = "/usr/local/lib/clmdeploy/guard"
    app2.run(["rm", guard])
    app3.run(["sh", "-c", f"echo '# edited' >> {guard}"])
    ran = doctor(fleet.clmdeploy).expecting(4)
    assert found(ran, "app2", "guard")["remedy"] == "run `clmdeploy host setup -e lab --limit app2`"
    assert "edited" in found(ran, "app3", "guard")["finding"]
    fleet.clmdeploy("host", "setup", "-e", "lab", "--limit", "app2,app3", "--yes").expecting(0)
    assert doctor(fleet.clmdeploy).code == 0


def other_key(place: Path) -> str:
    """A private key that no file of signers knows."""
    from clmdeploy.config.signing_keys import generate

    generate(place / "other", "nobody")
    return (place / "other").read_text()


def change_host_key(known_hosts: Path, address: str) -> None:
    """Pin another host's key for `address`."""
    lines = known_hosts.read_text().splitlines()
    others = [line.split()[1:] for line in lines if line.strip() and not line.startswith((address, "#"))]
    changed = [f"{address} {' '.join(others[0])}" if line.startswith(f"{address} ") else line for line in lines]
    known_hosts.write_text("\n".join(changed) + "\n")
