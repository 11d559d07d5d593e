"""Somebody has all rights in the state bucket, but no key that is trusted: what they forge is refused, and named.

Everything is put back after each case.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.openssh import OpenSshSigner
from clmdeploy.changes.signed_plan import SignedPlan, sign_plan
from clmdeploy.model.signing import Namespace, Signer
from clmdeploy.model.value import canonical_json, sha256_hex
from tests.lab.fleet import AT_ONCE, MEMBERS, NO_RESTORE_POINT, Fleet

pytestmark = pytest.mark.timeout(900)
HEAD = "lab/journal/head"
GENESIS = "0" * 64


@dataclass(frozen=True)
class Intruder:
    """Reads and writes the state bucket as it likes; signs with a key that nobody trusts."""

    fleet: Fleet
    signer: Signer
    client: Any  # Any: boto3 makes its clients at run time
    bucket: str

    def get(self, key: str) -> bytes:
        """An object."""
        body: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        """Write an object, whatever stood there."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str) -> list[str]:
        """What is there, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def events(self, change: str) -> list[str]:
        """Keys of the events of a change."""
        return self.keys(f"lab/changes/{change}/events/")

    def everything(self) -> dict[str, bytes]:
        """The whole bucket."""
        return {key: self.get(key) for key in self.keys("lab/")}

    def restore(self, before: dict[str, bytes]) -> None:
        """Put back what was there, but for the leases, which live on."""
        for key in self.keys("lab/"):
            if key not in before:
                self.delete(key)
        for key, body in before.items():
            if "/lease/" not in key:
                self.put(key, body)


@pytest.fixture(scope="module")
def intruder(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Intruder:
    """With a key of their own."""
    key = tmp_path_factory.mktemp("intruder") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30)
    storage = fleet.lab.storage
    return Intruder(fleet, OpenSshSigner(key), storage.client(), storage.state_bucket)


@pytest.fixture(scope="module")
def opened(fleet: Fleet) -> Iterator[str]:
    """ID of a change that stands open: 1.3.0 was not well on the canary, and the rollout stopped there."""
    fleet.bring_to("1.1.0")
    fleet.bring_to("1.2.0")
    words = ("deploy", "1.3.0", "-e", "lab", "--yes", "--on-failure", "stop", *NO_RESTORE_POINT)
    change = fleet.clmdeploy(*words, "--json").expecting(5).json["change"]
    yield change
    fleet.clmdeploy("change", "abort", "-e", "lab").expecting(0)
    assert fleet.releases == dict.fromkeys(MEMBERS, "1.2.0")
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)


@pytest.fixture
def tampering(intruder: Intruder, opened: str) -> Iterator[str]:
    """The open change, and everything in the bucket put back afterwards."""
    before = intruder.everything()
    yield opened
    intruder.restore(before)


def unsigned(intruder: Intruder, change: str) -> bytes:
    """A well-formed plan that does more, its digest right, under the signature of the true one."""
    document = json.loads(intruder.get(f"lab/changes/{change}/plan"))
    document["plan"]["title"] = "Deploy something else"
    document["digest"] = sha256_hex(canonical_json(document["plan"]))
    return canonical_json(document)


def signed_by_a_stranger(intruder: Intruder, change: str) -> bytes:
    """The very plan, under a key that nobody trusts."""
    signed = SignedPlan.model_validate_json(intruder.get(f"lab/changes/{change}/plan"))
    return canonical_json(sign_plan(signed.plan, intruder.signer))


def true_plan_of_another(intruder: Intruder, change: str) -> bytes:
    """A plan that the administrator has signed indeed: for the change before."""
    earlier = [one for one in intruder.fleet.changes() if one < change][-1]
    return intruder.get(f"lab/changes/{earlier}/plan")


Forge = Callable[[Intruder, str], bytes]


@pytest.mark.parametrize("forge", [unsigned, signed_by_a_stranger, true_plan_of_another])
def test_a_replaced_plan_is_refused(intruder: Intruder, tampering: str, forge: Forge) -> None:
    """`change resume`, `abort` and `show` name the plan and act on no host; so does `journal verify`."""
    fleet = intruder.fleet
    intruder.put(f"lab/changes/{tampering}/plan", forge(intruder, tampering))
    traces = fleet.traces()
    for verb in ("resume", "abort", "show"):
        ran = fleet.clmdeploy("change", verb, tampering, "-e", "lab")
        assert ran.code in (3, 10), ran.said
        assert f"lab/changes/{tampering}/plan" in ran.stderr
    assert fleet.traces() == traces
    assert tampering in fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(10).stderr


def edit(intruder: Intruder, change: str) -> str:
    """An event says that somebody else did it."""
    key = intruder.events(change)[3]
    intruder.put(key, intruder.get(key).replace(b"admin@lab", b"other@lab"))
    return f"{change}/000003"


def remove(intruder: Intruder, change: str) -> str:
    """An event is gone."""
    intruder.delete(intruder.events(change)[4])
    return f"{change}/000004"


def swap(intruder: Intruder, change: str) -> str:
    """Two events have changed places."""
    one, other = intruder.events(change)[2:4]
    first, second = intruder.get(one), intruder.get(other)
    intruder.put(one, second)
    intruder.put(other, first)
    return f"{change}/000002"


def truncate(intruder: Intruder, change: str) -> str:
    """The end of an older change is gone."""
    earlier = [one for one in intruder.fleet.changes() if one < change][-1]
    intruder.delete(intruder.events(earlier)[-1])
    return f"{earlier}/{len(intruder.events(earlier)) - 1:06d}"


def rebuild(intruder: Intruder, change: str) -> str:
    """One event of an older change is another, and every digest after it was computed anew."""
    renamed: dict[str, str] = {}
    edited = [one for one in intruder.fleet.changes() if one < change][-1]
    for name in intruder.fleet.changes():
        for key in intruder.events(name):
            body = intruder.get(key)
            document = json.loads(body)
            if key == intruder.events(edited)[3]:
                document["who"]["principal"] = "other@lab"
            document["previous"] = renamed.get(document["previous"], document["previous"])
            if "after" in document["detail"]:
                document["detail"]["after"] = renamed.get(document["detail"]["after"], document["detail"]["after"])
            forged = canonical_json(document)
            renamed[sha256_hex(body)] = sha256_hex(forged)
            intruder.put(key, forged)
    assert len([old for old, new in renamed.items() if old != new]) > 5
    return "the signed head names event"


def rebuild_under_own_head(intruder: Intruder, change: str) -> str:
    """The same, and a head that fits, signed by a key that nobody trusts."""
    rebuild(intruder, change)
    newest = intruder.events(change)[-1]
    head = json.loads(intruder.get(HEAD))["head"]
    head["last"] = {"change": change, "seq": int(newest[-6:]), "digest": sha256_hex(intruder.get(newest))}
    signature = intruder.signer.sign(Namespace.JOURNAL, canonical_json(head)).decode()
    intruder.put(HEAD, canonical_json({"head": head, "signature": signature}))
    return "not signed by a trusted key"


def behead(intruder: Intruder, _change: str) -> str:
    """No head at all, as in a new environment."""
    intruder.delete(HEAD)
    return "no signed head"


Tamper = Callable[[Intruder, str], str]


@pytest.mark.parametrize("tamper", [edit, remove, swap, truncate, rebuild, rebuild_under_own_head, behead])
def test_a_forged_journal_is_found(intruder: Intruder, tampering: str, tamper: Tamper) -> None:
    """`journal verify` and `journal export`: exit code 10, and the first wrong event, or the head, is named."""
    named = tamper(intruder, tampering)
    for words in (("journal", "verify"), ("journal", "export", "--out", "/dev/null")):
        ran = intruder.fleet.clmdeploy(*words, "-e", "lab").expecting(10)
        assert named in ran.stderr


@pytest.mark.parametrize("tamper", [rebuild_under_own_head, behead])
def test_nothing_new_begins_under_a_head_that_is_not_true(intruder: Intruder, tampering: str, tamper: Tamper) -> None:
    """Without the true head nobody knows what stands open: a deploy is refused and touches nothing."""
    tamper(intruder, tampering)
    fleet = intruder.fleet
    before = (fleet.traces(), fleet.changes())
    fleet.clmdeploy("deploy", "1.3.0", "-e", "lab", "--yes", *AT_ONCE, *NO_RESTORE_POINT).expecting(10)
    assert (fleet.traces(), fleet.changes()) == before


def test_what_nobody_touched_is_believed(intruder: Intruder, opened: str, tmp_path: Path) -> None:
    """All was put back: the journal verifies, and the open change is shown."""
    fleet = intruder.fleet
    fleet.clmdeploy("journal", "verify", "-e", "lab").expecting(0)
    fleet.clmdeploy("journal", "export", "-e", "lab", "--out", str(tmp_path / "journal.jsonl")).expecting(0)
    assert fleet.clmdeploy("change", "show", opened, "-e", "lab", "--json").expecting(0).json["state"] == "stopped"
