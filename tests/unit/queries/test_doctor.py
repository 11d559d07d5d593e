"""`doctor` asks everything at once, and judges it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.memory_hosts import MemoryHosts
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.checks import Check, ControlNode, HostLook, Verdict, worst
from clmdeploy.model.errors import InvalidInput, StoreUnavailable
from clmdeploy.model.hosts import Host
from clmdeploy.model.storage import Retention, StorageProfile
from clmdeploy.queries.doctor import Instruments, examine
from clmdeploy.queries.doctor_balancers import judge
from clmdeploy.queries.doctor_control import control_checks, signing_check
from clmdeploy.queries.doctor_hosts import Standard, host_checks, obstacle
from clmdeploy.queries.doctor_storage import Purpose, storage_checks
from tests.unit.cli.desk import SETTINGS, DigestSigner

GUARD = "a" * 64
MEBIBYTE = 1024**2
SOUND = HostLook(
    reachable=True, skew=0.1, python=(3, 13, 5), os="debian-13", systemd=True, may_become_root=True, may_run_guard=True,
    guard=GUARD, places={"/opt/clm": (10**12, 10**7), "/var/lib/clmdeploy": (10**12, None)},
)  # fmt: skip
NODE = ControlNode(
    python="3.11.7", ansible="2.19.1", openssh="OpenSSH_9.2p1", ssh_keygen=True, run_directory="/dev/shm",
    in_memory=True,
)  # fmt: skip
ABLE = StorageProfile(
    conditional_create=True, conditional_match=True, clock_skew_seconds=0.0, versioning="off", checksums="verified",
    trailers=True, content_md5="verified", smallest_part=5 * MEBIBYTE, most_parts=10_000, addressing=("path",),
)  # fmt: skip
STANDARD = Standard(GUARD, "clmdeploy host setup -e lab")


def verdicts(checks: Sequence[Check]) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in checks}


@dataclass
class Looks:
    """An Inspector that has looked already."""

    found: dict[str, HostLook] = field(default_factory=dict)

    def look(self, hosts: Sequence[Host], root: str) -> dict[str, HostLook]:
        assert root == "/opt/clm"
        return {host.name: self.found.get(host.name, SOUND) for host in hosts}


def environment() -> LoadedEnvironment:
    groups = {"lb1": "lb", "app1": "app", "app2": "app", "db1": "db"}
    hosts = tuple(Host(name=name, address="192.0.2.1", groups=(group,)) for name, group in groups.items())
    return LoadedEnvironment(Path("inventories/lab"), Environment.model_validate(SETTINGS), hosts, {})


def performer() -> MemoryHosts:
    """Balancers in order; guards that answer."""
    hosts = MemoryHosts()

    def answers(act: Guarded) -> Outcome | None:
        if act.act != "balance":
            return None
        servers = {
            f"{one['backend']}/{one['server']}": {"state": "ready", "status": "UP"} for one in act.arguments["servers"]
        }
        return Outcome(status="done", result={"servers": servers})

    hosts.before = answers
    return hosts


def instruments(**changes: Any) -> Instruments:  # Any: fields of Instruments
    signer = DigestSigner()
    sound = Instruments(
        inspector=Looks(), performer=performer(), control_node=lambda: NODE,
        buckets={"storage.state_bucket": lambda: ABLE, "storage.release_bucket": lambda: ABLE},
        signer=lambda: signer, verifier=signer, secrets=dict, guard=GUARD,
    )  # fmt: skip
    return replace(sound, **changes)


def raising(error: Exception) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


def test_a_sound_environment_is_in_order() -> None:
    """Nothing to complain of; hosts that the tool never touches are not asked."""
    checks = examine(environment(), instruments())
    assert worst(checks) == "ok"
    assert {check.subject for check in checks} == {"", "clm-state", "clm-releases", "lb1", "app1", "app2"}


def test_people_who_could_not_be_told_are_a_warning() -> None:
    """It stops no work; it would stop the news of its failure."""
    channels = {"mail": "mail.example.com:587: Connection refused", "command": ""}
    checks = examine(environment(), instruments(channels=lambda: channels))
    found = {check.name: check for check in checks if check.name.startswith("notify.")}
    assert verdicts(list(found.values())) == {"notify.mail": "warn", "notify.command": "ok"}
    assert "Connection refused" in found["notify.mail"].finding
    assert "clm.yml" in found["notify.mail"].remedy


def test_hosts_are_judged_while_the_storage_is_silent() -> None:
    """One fault a bucket, with the error's own remedy; everything else is still told."""
    down = raising(StoreUnavailable("storage s3: does not answer", "check storage.endpoint"))
    checks = examine(environment(), instruments(buckets={"storage.state_bucket": down, "storage.release_bucket": down}))
    faults = [check for check in checks if check.verdict == "fail"]
    assert [(fault.subject, fault.remedy) for fault in faults] == [
        ("clm-state", "check storage.endpoint"), ("clm-releases", "check storage.endpoint"),
    ]  # fmt: skip
    assert any(check.subject == "app1" for check in checks)


def test_what_was_found_is_kept_for_later_work() -> None:
    """Each profile under the setting that names its bucket; where that fails, doctor says so and judges the rest."""
    kept: dict[str, StorageProfile] = {}
    examine(environment(), instruments(keep_profile=kept.__setitem__))
    assert kept == {"storage.state_bucket": ABLE, "storage.release_bucket": ABLE}

    def refuse(_setting: str, _profile: StorageProfile) -> None:
        raise StoreUnavailable("storage s3: refuses access", "check the rights")

    checks = [check for check in examine(environment(), instruments(keep_profile=refuse)) if check.name == "profile"]
    assert {(check.subject, check.verdict, check.remedy) for check in checks} == {
        ("clm-state", "warn", "check the rights"), ("clm-releases", "warn", "check the rights"),
    }  # fmt: skip


def test_a_dead_host_is_asked_nothing_more() -> None:
    """One check says why; its guard is not asked in vain."""
    hosts = performer()
    asked: list[str] = []
    answers = hosts.before

    def noting(act: Guarded) -> Outcome | None:
        asked.append(act.host.name)
        return answers(act)

    hosts.before = noting
    dead = HostLook(reachable=False, cause="app2 does not answer over SSH", remedy="check the host")
    checks = examine(environment(), instruments(inspector=Looks({"app2": dead}), performer=hosts))
    assert verdicts([check for check in checks if check.subject == "app2"]) == {"SSH": "fail"}
    assert "app2" not in asked


def test_a_bare_host_is_to_be_set_up() -> None:
    """The remedy is the command."""
    checks = examine(environment(), instruments(inspector=Looks({"app1": SOUND.model_copy(update={"guard": None})})))
    (fault,) = [check for check in checks if check.verdict == "fail"]
    assert fault.remedy == "run `clmdeploy host setup -e lab --limit app1`"


def test_a_guard_that_refuses_is_told() -> None:
    """Installed is not enough: it must run as root and know this environment."""
    hosts = performer()
    answers = hosts.before
    refusal = Outcome(status="refused", message="this host belongs to environment 'other'")
    hosts.before = lambda act: refusal if (act.act, act.host.name) == ("facts", "app1") else answers(act)
    checks = examine(environment(), instruments(performer=hosts))
    (fault,) = [check for check in checks if check.verdict == "fail"]
    assert (fault.subject, fault.name, fault.finding) == ("app1", "guard answers", refusal.message)


def test_a_signing_key_that_nobody_trusts_is_a_fault() -> None:
    """It is tried out: a signature is made and verified."""
    unusable = instruments(signer=raising(InvalidInput("the signing key has a passphrase", "ssh-add KEY")))
    (fault,) = [check for check in examine(environment(), unusable) if check.verdict == "fail"]
    assert (fault.name, fault.remedy) == ("signing key", "ssh-add KEY")


@pytest.mark.parametrize(
    ("principal", "verdict"), [("admin@lab", "ok"), ("other@lab", "fail"), (None, "warn")]
)  # fmt: skip
def test_the_signer_is_who_the_settings_say(principal: str | None, verdict: Verdict) -> None:
    """Another's key would be written into the journal; without one this control node can only read."""
    assert signing_check("admin@lab", principal).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"skew": 1.9}, "clock", "ok"), ({"skew": -2.0}, "clock", "warn"), ({"skew": 61.0}, "clock", "fail"),
        ({"python": (3, 8, 10)}, "system", "fail"), ({"systemd": False}, "system", "fail"),
        ({"may_become_root": False}, "privileges", "ok"),
        ({"may_become_root": False, "may_run_guard": False}, "privileges", "fail"),
        ({"guard": "b" * 64}, "guard", "fail"),
        ({"places": {"/opt/clm": (127 * MEBIBYTE, 10**7)}}, "disk", "fail"),
        ({"places": {"/opt/clm": (1000 * MEBIBYTE, 10**7)}}, "disk", "warn"),
        ({"places": {"/opt/clm": (10**12, 1999)}}, "disk", "fail"),
        ({"places": {"/opt/clm": (10**12, 19_999)}}, "disk", "warn"),
        ({"places": {"/opt/clm": (10**12, None)}}, "disk", "ok"),
    ],
)  # fmt: skip
def test_each_fact_of_a_host_has_its_verdict(changes: dict[str, Any], name: str, verdict: Verdict) -> None:
    """Exactly the one check differs, and what is not in order has a remedy."""
    checks = host_checks("app1", SOUND.model_copy(update=changes), STANDARD)
    assert verdicts(checks) == verdicts(host_checks("app1", SOUND, STANDARD)) | {name: verdict}
    assert all(check.remedy for check in checks if check.verdict != "ok")


def test_a_balancer_needs_no_room_for_releases() -> None:
    """Only the guard's own records are written there."""
    full = SOUND.model_copy(update={"places": {"/opt/clm": (0, 0), "/var/lib/clmdeploy": (10**12, 10**7)}})
    assert verdicts(host_checks("lb1", full, replace(STANDARD, gets_releases=False)))["disk"] == "ok"


def test_what_keeps_a_host_from_being_set_up() -> None:
    """The sudo rule for the guard alone is enough for work, not for setting up."""
    assert obstacle("app1", SOUND) is None
    assert obstacle("app1", SOUND.model_copy(update={"guard": None, "may_run_guard": False})) is None
    for changes in ({"reachable": False}, {"python": (3, 8, 0)}, {"may_become_root": False}):
        assert obstacle("app1", SOUND.model_copy(update=changes)) is not None


@pytest.mark.parametrize(
    ("changes", "purpose", "verdict"),
    [
        ({}, "state", "ok"),
        ({"conditional_create": False}, "state", "fail"),
        ({"conditional_match": False}, "state", "fail"),
        ({"conditional_create": False}, "releases", "warn"),
        ({"conditional_create": False}, "backups", "ok"),
        ({"clock_skew_seconds": 31.0}, "state", "warn"),
        ({"clock_skew_seconds": -601.0}, "releases", "fail"),
        ({"smallest_part": None}, "state", "ok"),
        ({"smallest_part": None}, "releases", "fail"),
        ({"most_parts": 1000}, "backups", "warn"),
        ({"most_parts": 1000}, "state", "ok"),
        ({"checksums": "refused", "trailers": False, "content_md5": None}, "backups", "ok"),
        ({"content_md5": "needed"}, "releases", "ok"),
    ],
)
def test_a_bucket_is_judged_by_what_it_is_for(changes: dict[str, Any], purpose: Purpose, verdict: Verdict) -> None:
    """State needs conditional writes; releases are only safer with them. What is not understood is not sent."""
    assert worst(tuple(storage_checks("bucket", ABLE.model_copy(update=changes), purpose))) == verdict


def test_objects_that_stay_are_told() -> None:
    """Keys that may not delete are what a careful operator gives us; a lock keeps them for its days."""
    (check, *_rest) = storage_checks("bucket", ABLE.model_copy(update={"left": 1}), "releases")
    assert check.verdict == "ok"
    assert "may not remove" in check.finding
    locked = ABLE.model_copy(update={"left": 7, "retention": Retention(mode="compliance", days=30)})
    assert "7 small objects of this probe stay below clmdeploy-probe/, locked for 30 d" in (
        storage_checks("bucket", locked, "backups")[0].finding
    )


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"ansible": None}, "Ansible", "fail"), ({"openssh": None}, "OpenSSH", "fail"),
        ({"ssh_keygen": False}, "OpenSSH", "fail"), ({"in_memory": False}, "run directories", "warn"),
    ],
)  # fmt: skip
def test_each_lack_of_the_control_node_has_its_verdict(changes: dict[str, Any], name: str, verdict: Verdict) -> None:
    """Exactly the one check differs."""
    sound = verdicts(list(control_checks(NODE, {})))
    assert verdicts(list(control_checks(NODE.model_copy(update=changes), {}))) == sound | {name: verdict}


def test_every_secret_that_cannot_be_read_is_named() -> None:
    """All of them at once; a control node without the keys of backups can still deploy."""
    settings = ("storage.access_key", "backup.storage.keys.access_key")
    unread = {setting: InvalidInput(f"{setting}: not set") for setting in settings}
    told = [(check.finding, check.verdict) for check in control_checks(NODE, unread) if check.name == "secrets"]
    assert told == [("storage.access_key: not set", "fail"), ("backup.storage.keys.access_key: not set", "warn")]


@pytest.mark.parametrize(
    ("server", "verdict"),
    [
        ({"state": "ready", "status": "UP"}, "ok"), ({"state": "ready", "status": "no check"}, "ok"),
        ({"state": "ready", "status": "DOWN"}, "warn"), ({"state": "drain", "status": "DRAIN"}, "warn"),
    ],
)  # fmt: skip
def test_a_server_out_of_rotation_is_worth_a_warning(server: dict[str, str], verdict: Verdict) -> None:
    """It is named, with the command that tells more."""
    check = judge("lb1", Outcome(status="done", result={"servers": {"clm_web/app1": server}}), "lab")
    assert check.verdict == verdict
    assert ("clm_web/app1" in check.finding) == (verdict == "warn")


def test_a_balancer_that_does_not_answer_is_a_fault() -> None:
    """No drain would be possible."""
    assert judge("lb1", Outcome(status="failed", message="no such socket"), "lab").verdict == "fail"
