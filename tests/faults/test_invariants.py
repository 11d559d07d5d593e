"""The invariants can fail: each thing that must never be is found in a made-up fleet or journal."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.invariants import fleet_faults
from tests.faults.journal_check import canonical, journal_faults
from tests.faults.state import FleetState

_HOST: dict[str, Any] = {
    "current": "1.0.0-aa", "releases": {"1.0.0-aa": ""}, "record": {"current": "1.0.0-aa"}, "links": {}, "acts": [],
    "units": {"clm-web.service": ["active", "running"]}, "dangled": [],
}  # fmt: skip
_LB: dict[str, Any] = {**_HOST, "current": None, "releases": {}, "units": {}, "record": {"drained": {}}}


def fleet() -> FleetState:
    """One host that serves and its balancer: nothing is wrong."""
    return FleetState(copy.deepcopy({"app1": _HOST, "lb1": _LB}), {"app1": "1.0.0"}, {"clm_web/app1": "UP"}, "1|f")


def test_a_fleet_that_is_well_has_no_fault() -> None:
    """And is like itself."""
    assert list(fleet_faults(fleet())) == []
    assert fleet().differences(fleet()) == []


@pytest.mark.parametrize(
    ("host", "key", "value", "word"),
    [
        ("app1", "current", "1.1.0-bb", "not there"),
        ("app1", "releases", {"1.0.0-aa": "not as in the mark: bin/web"}, "bin/web"),
        ("app1", "dangled", ["12:00:00 dangles"], "dangles"),
        ("app1", "acts", ["clm-1-switch"], "clm-1-switch"),
        ("app1", "units", {"clm-web.service": ["failed", "failed"]}, "failed"),
        ("app1", "units", {}, "services"),
        ("lb1", "record", {"drained": {"clm_web/app1": "c1"}}, "drained"),
    ],
)
def test_what_is_wrong_on_a_host_is_named(host: str, key: str, value: object, word: str) -> None:
    """A release that is not whole or not there, a link that dangled, a leftover, a dead service, a forgotten drain."""
    broken = fleet()
    broken.hosts[host][key] = value
    assert any(fault.startswith(host) and word in fault for fault in fleet_faults(broken))


@pytest.mark.parametrize(
    ("key", "value"),
    [("current", "1.1.0-bb"), ("releases", {"1.0.0-aa": "", "1.1.0-bb": ""}), ("record", {"ledger": ["1.0.0-aa"]}),
     ("links", {"/etc/systemd/system/clm-web.service": "/opt"})],
)  # fmt: skip
def test_what_lasts_is_compared(key: str, value: object) -> None:
    """What runs, what is staged, the host's own record, the units that are linked."""
    other = fleet()
    other.hosts["app1"][key] = value
    assert len(other.differences(fleet())) == 1


def test_what_is_wrong_for_users_is_named() -> None:
    """Another version than `current` says, and a server that is out of rotation."""
    broken = fleet()
    broken.served["app1"], broken.balancer["clm_web/app1"] = "1.1.0", "DRAIN"
    faults = " ".join(fleet_faults(broken))
    assert "answers 1.1.0" in faults
    assert "DRAIN" in faults


@pytest.fixture
def signer(tmp_path: Path) -> tuple[Path, Callable[[bytes], str]]:
    """allowed_signers, and what signs for it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f'admin@lab namespaces="clmdeploy.journal" {(tmp_path / "key.pub").read_text()}')

    def sign(data: bytes) -> str:
        command = ["ssh-keygen", "-Y", "sign", "-f", str(tmp_path / "key"), "-n", "clmdeploy.journal"]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()

    return allowed, sign


def journal(sign: Callable[[bytes], str]) -> dict[str, bytes]:
    """Two changes of three events each, the head after the last."""
    objects, previous = {}, "0" * 64
    for change in ("c1", "c2"):
        plan = {"steps": [change]}
        objects[f"changes/{change}/plan"] = canonical({"plan": plan})
        for seq, kind in enumerate(("opened", "step-started", "closed")):
            detail = {"plan": hashlib.sha256(canonical(plan)).hexdigest()} if kind == "opened" else {}
            event = {"change": change, "seq": seq, "kind": kind, "previous": previous, "detail": detail}
            objects[f"changes/{change}/events/{seq:06d}"] = canonical(event)
            previous = hashlib.sha256(canonical(event)).hexdigest()
    head = {"last": {"digest": previous}}
    objects["journal/head"] = canonical({"head": head, "signature": sign(canonical(head))})
    return objects


Signer = tuple[Path, Callable[[bytes], str]]


def test_a_true_journal_has_no_fault(signer: Signer) -> None:
    """As the tool writes it."""
    assert journal_faults(journal(signer[1]), signer[0], "admin@lab") == []


@pytest.mark.parametrize(
    "key",
    [
        *(f"changes/c1/events/{seq:06d}" for seq in range(3)),
        "changes/c2/events/000002",
        "journal/head",
        "changes/c1/plan",
    ],
)
@pytest.mark.parametrize("how", ["edited", "missing"])
def test_an_edit_is_found_wherever_it_is(signer: Signer, key: str, how: str) -> None:
    """Every event, the head and the plan; a plan that is missing is an error of its own."""
    objects = journal(signer[1])
    if how == "missing":
        del objects[key]
    else:
        document = json.loads(objects[key])
        (document.get("head") or document.get("plan") or document)["by"] = "somebody"
        objects[key] = canonical(document)
    if (key, how) == ("changes/c1/plan", "missing"):
        with pytest.raises(KeyError):
            journal_faults(objects, signer[0], "admin@lab")
    else:
        assert journal_faults(objects, signer[0], "admin@lab")


def test_a_fork_and_a_stale_head_are_found(signer: Signer) -> None:
    """Two events in one place; a head that names an event which is not the last."""
    objects = journal(signer[1])
    rival = {**json.loads(objects["changes/c2/events/000000"]), "change": "c3"}
    forked = {**objects, "changes/c3/events/000000": canonical(rival), "changes/c3/plan": objects["changes/c2/plan"]}
    assert any("one place" in fault for fault in journal_faults(forked, signer[0], "admin@lab"))
    head = {"last": {"digest": hashlib.sha256(objects["changes/c1/events/000002"]).hexdigest()}}
    objects["journal/head"] = canonical({"head": head, "signature": signer[1](canonical(head))})
    assert any("ends with" in fault for fault in journal_faults(objects, signer[0], "admin@lab"))
