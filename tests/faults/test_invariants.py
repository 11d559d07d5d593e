"""The invariants can fail: each thing that must never be is found in a made-up fleet or journal."""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.case import Case
from tests.faults.invariants import bucket_faults, fleet_faults
from tests.faults.journal_check import canonical, journal_faults
from tests.faults.run import run_cases, table
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
@pytest.mark.parametrize("how", ["edited", "missing", "rubbish", "[]", "{}", '{"plan": null, "head": null}'])
def test_an_edit_is_found_wherever_it_is(signer: Signer, key: str, how: str) -> None:
    """Every event, the head and the plan, also where it is none any more: told, and never a reason to stop looking."""
    objects = journal(signer[1])
    if how == "missing":
        del objects[key]
    elif how == "edited":
        document = json.loads(objects[key])
        (document.get("head") or document.get("plan") or document)["by"] = "somebody"
        objects[key] = canonical(document)
    else:
        objects[key] = how.encode()
    assert journal_faults(objects, signer[0], "admin@lab")


@pytest.mark.parametrize("lost", ["change", "seq", "kind", "previous", "detail"])
def test_an_event_that_lacks_something_is_named(signer: Signer, lost: str) -> None:
    """By its key, like one that is rubbish."""
    objects, key = journal(signer[1]), "changes/c2/events/000000"
    event = json.loads(objects[key])
    del event[lost]
    objects[key] = canonical(event)
    assert f"{key} is no event: KeyError('{lost}')" in journal_faults(objects, signer[0], "admin@lab")


def test_a_fork_and_a_stale_head_are_found(signer: Signer) -> None:
    """Two events in one place; a head that names an event which is not the last."""
    objects = journal(signer[1])
    rival = {**json.loads(objects["changes/c2/events/000000"]), "change": "c3"}
    forked = {**objects, "changes/c3/events/000000": canonical(rival), "changes/c3/plan": objects["changes/c2/plan"]}
    assert any("one place" in fault for fault in journal_faults(forked, signer[0], "admin@lab"))
    head = {"last": {"digest": hashlib.sha256(objects["changes/c1/events/000002"]).hexdigest()}}
    objects["journal/head"] = canonical({"head": head, "signature": signer[1](canonical(head))})
    assert any("ends with" in fault for fault in journal_faults(objects, signer[0], "admin@lab"))


class Bucket:
    """A state bucket of objects in memory."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = lambda: objects


@pytest.mark.parametrize(
    ("objects", "faults"),
    [
        ({}, []),
        ({"lease/fleet": b'{"held": false, "who": "a"}', "lease/data": b'{"held": false, "who": "a"}'}, []),
        ({"lease/data-stop": b'{"token": 7, "who": "b"}'}, []),
        ({"lease/data": b'{"held": true, "who": "a"}'}, ["lease/data is held by a"]),
        ({"lease/fleet": b"rubbish"}, ["lease/fleet is no lease: b'rubbish'"]),
        ({"lease/fleet": b"{}"}, ["lease/fleet is no lease: b'{}'"]),
        ({"journal/head": b"{}"}, ["journal/head is no head: KeyError('head')"]),
    ],
)
def test_what_is_wrong_in_the_bucket_is_named(tmp_path: Path, objects: dict[str, bytes], faults: list[str]) -> None:
    """A lease that is held or is none, a journal that can't be read; whom somebody asked to stop is no lease."""
    assert list(bucket_faults(Bucket(objects), tmp_path)) == faults  # type: ignore[arg-type]


class Broken:
    """A ground on which everything fails."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.orders = error, 0

    def begin(self, _work: str) -> None:
        raise self.error

    def put_in_order(self) -> None:
        self.orders += 1
        raise subprocess.TimeoutExpired("rm", 30)


@pytest.mark.parametrize("error", [KeyError("plan"), subprocess.TimeoutExpired("kill", 30), AssertionError("no lease")])
def test_whatever_goes_wrong_in_a_case_is_its_own_fault(error: Exception) -> None:
    """A row of its own with what it was, for every case; a fleet that can't be put in order ends nothing either."""
    ground, told = Broken(error), list[str]()
    cases = [Case("kill", name, "deploy", "after", lambda _ground: None) for name in ("one", "two")]
    rows = list(run_cases(ground, cases, told.append))  # type: ignore[arg-type]
    assert [row.case for row in rows] == ["one", "two"]
    assert all(str(error) in row.fault and "could not be put in order: TimeoutExpired" in row.fault for row in rows)
    assert ground.orders == 2
    assert "FAILED kill: two" in table(rows)


def test_ctrl_c_ends_the_matrix() -> None:
    """It is nobody's fault."""
    case = Case("kill", "one", "deploy", "after", lambda _ground: None)
    with pytest.raises(KeyboardInterrupt):
        list(run_cases(Broken(KeyboardInterrupt()), [case], print))  # type: ignore[arg-type]
