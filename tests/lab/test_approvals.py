"""Four eyes on real hosts, with real keys: what somebody puts into the state bucket who has rights there but no key."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from clmdeploy.adapters.openssh import OpenSshSigner
from clmdeploy.changes.statements import Approval, Subject
from clmdeploy.model.signing import Namespace
from clmdeploy.model.value import canonical_json, sha256_hex
from tests.lab.command_line import Ran
from tests.lab.craft import lab_signer
from tests.lab.fleet import AT_ONCE, MEMBERS, Fleet

pytestmark = pytest.mark.timeout(900)
SECOND = "second@lab"
APPROVALS_ONLY = "clmdeploy.approval"


@dataclass(frozen=True)
class Office:
    """Two people with a key each, and an environment where a deploy needs one approval by another."""

    fleet: Fleet
    place: Path

    def key(self, name: str) -> Path:
        """A signing key of that name; made when it is first asked for."""
        path = self.place / name
        if not path.exists():
            subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)), check=True, timeout=30)
        return path

    def desk(self, principal: str, key: Path) -> None:
        """The inventory as it lies on one person's control node: the same, but for who they are and their key."""
        home = self.place / principal / "lab"
        shutil.copytree(self.fleet.lab.inventories / "lab", home)
        settings = yaml.safe_load((home / "clm.yml").read_text("utf-8"))
        settings["approvals"] = {"required": 1, "valid": 600}
        settings["trust"] |= {"principal": principal, "signing_key": {"file": str(key)}}
        (home / "clm.yml").write_text(yaml.safe_dump(settings), "utf-8")
        with (home / "allowed_signers").open("a") as signers:
            signers.write(f'{SECOND} namespaces="{APPROVALS_ONLY}" {_public(self.key("second"))}\n')

    def run(self, principal: str, *words: str) -> Ran:
        """A command line of theirs."""
        return self.fleet.clmdeploy("--inventories", str(self.place / principal), *words, "-e", "lab")

    def admin(self, *words: str) -> Ran:
        return self.run("admin@lab", *words)

    def propose(self, version: str = "1.2.0", *words: str) -> str:
        """The ID of a proposed deploy."""
        ran = self.admin("deploy", version, *AT_ONCE, *words, "--propose", "--json").expecting(0)
        return str(ran.json["change"])

    def approve(self, change: str, *words: str, who: str = SECOND) -> Ran:
        return self.run(who, "change", "approve", change, "--yes", *words)

    def apply(self, change: str) -> Ran:
        return self.admin("change", "apply", change, "--yes")

    def get(self, key: str) -> bytes:
        """An object of the state bucket."""
        storage = self.fleet.lab.storage
        found: bytes = storage.client().get_object(Bucket=storage.state_bucket, Key=key)["Body"].read()
        return found

    def put(self, key: str, body: bytes) -> None:
        """What somebody does who has rights to the bucket."""
        storage = self.fleet.lab.storage
        storage.client().put_object(Bucket=storage.state_bucket, Key=key, Body=body)

    def approval(self, change: str) -> str:
        """Key of the only approval of a change."""
        prefix, storage = f"lab/changes/{change}/approvals/", self.fleet.lab.storage
        (found,) = storage.client().list_objects_v2(Bucket=storage.state_bucket, Prefix=prefix)["Contents"]
        return str(found["Key"])


@pytest.fixture(scope="module")
def office(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """1.1.0 runs; the administrator may sign everything, the second one approvals only."""
    fleet.bring_to("1.1.0")
    made = Office(fleet, tmp_path_factory.mktemp("office"))
    made.desk("admin@lab", fleet.lab.inventories / "lab" / "secrets" / "signing-key")
    made.desk(SECOND, made.key("second"))
    return made


@pytest.fixture
def untouched(fleet: Fleet) -> Iterator[None]:
    """Whatever is tried leaves no trace on any host, and no event in the journal."""
    before, newest = fleet.traces(), _newest(fleet)
    yield
    assert fleet.traces() == before
    assert _newest(fleet) == newest


def test_nothing_is_deployed_alone(office: Office, fleet: Fleet) -> None:
    """Refused until another has approved; then it runs, and the journal says who. Going back needs nobody."""
    before = fleet.traces()
    change = office.propose("1.2.0", "--reason", "sprint 12")
    for ran in (
        office.admin("deploy", "1.2.0", "--yes"),
        office.apply(change),
        office.approve(change, who="admin@lab"),
    ):
        ran.expecting(8)
    assert f"change approve {change} -e lab" in office.apply(change).expecting(8).stderr
    assert fleet.traces() == before
    assert "sprint 12" in office.approve(change, "--reason", "read it").expecting(0).stdout
    office.apply(change).expecting(0)
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")
    (kept,) = office.admin("change", "show", change, "--json").json["approvals"]
    assert (kept["principal"], office.approval(change)) == (SECOND, f"lab/changes/{change}/approvals/{kept['digest']}")
    office.apply(change).expecting(2)
    office.admin("rollback", "--yes", *AT_ONCE).expecting(0)
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.1.0")
    office.admin("journal", "verify").expecting(0)


def edited_plan(office: Office, change: str) -> str:
    key = f"lab/changes/{change}/plan"
    office.put(key, office.get(key).replace(b"1.2.0", b"1.3.0", 1))
    return key


def another_plan(office: Office, change: str) -> str:
    """One that the administrator signed as well, but not as this change."""
    office.put(f"lab/changes/{change}/plan", office.get(f"lab/changes/{office.propose('1.3.0')}/plan"))
    return f"lab/changes/{change}/proposal"


def edited_expiry(office: Office, change: str) -> str:
    office.approve(change).expecting(0)
    key = office.approval(change)
    document = json.loads(office.get(key))
    document["statement"]["expires"] = "2099-01-01T00:00:00Z"
    office.put(key, canonical_json(document))
    return key


def approval_of_another_change(office: Office, change: str) -> str:
    other = office.propose()
    office.approve(other).expecting(0)
    key = office.approval(other)
    office.put(key.replace(other, change), office.get(key))
    return key.replace(other, change)


def approval_by_a_stranger(office: Office, change: str) -> str:
    return _forged(office, change, OpenSshSigner(office.key("stranger")), Namespace.APPROVAL)


def approval_signed_as_a_plan(office: Office, change: str) -> str:
    """By a trusted key, but for another purpose."""
    return _forged(office, change, lab_signer(office.fleet.lab), Namespace.PLAN)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "attack",
    [
        edited_plan, another_plan, edited_expiry, approval_of_another_change, approval_by_a_stranger,
        approval_signed_as_a_plan,
    ],
)  # fmt: skip
def test_what_was_replaced_in_the_bucket_is_refused_and_named(
    office: Office, attack: Callable[[Office, str], str]
) -> None:
    """Exit code 10, with the object's name, for who applies, approves or looks; a listing tells it and goes on."""
    change = office.propose()
    named = attack(office, change)
    for ran in (office.apply(change), office.approve(change), office.admin("change", "show", change)):
        assert named in ran.expecting(10).stderr
    listed = {one["id"]: one for one in office.admin("change", "list", "--json").expecting(0).json["proposed"]}
    assert named in listed[change]["fault"]


@pytest.mark.usefixtures("untouched")
def test_an_approval_expires(office: Office) -> None:
    """Exit code 8 from then on."""
    change = office.propose()
    office.approve(change, "--valid", "1").expecting(0)
    time.sleep(1.5)
    assert "expired" in office.apply(change).expecting(8).stderr


@pytest.mark.usefixtures("untouched")
def test_a_key_counts_for_what_it_is_permitted(office: Office) -> None:
    """Who may only approve can't propose, and nothing is left behind."""
    ran = office.run(SECOND, "deploy", "1.2.0", "--propose").expecting(3)
    assert "not permitted for clmdeploy.plan" in ran.stderr


def _forged(office: Office, change: str, signer: OpenSshSigner, namespace: Namespace) -> str:
    """An approval that says all the right things."""
    shown = office.admin("change", "show", change, "--json").expecting(0).json
    subject = Subject(
        environment="lab", environment_id=shown["plan"]["environment_id"], change=change, plan=shown["digest"]
    )
    stated = Approval(subject=subject, at="2026-01-01T00:00:00Z", expires="2099-01-01T00:00:00Z")
    signature = signer.sign(namespace, canonical_json(stated)).decode()
    body = canonical_json({"statement": stated.model_dump(mode="json"), "signature": signature})
    key = f"lab/changes/{change}/approvals/{sha256_hex(body)}"
    office.put(key, body)
    return key


def _newest(fleet: Fleet) -> dict[str, Any] | None:
    found: dict[str, Any] | None = fleet.clmdeploy("status", "-e", "lab", "--json").expecting(0).json["last_change"]
    return found


def _public(key: Path) -> str:
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])
