"""`rollback --offline`: the storage is silent at night, the way back is taken all the same, its journal comes later."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.guarded import Guarded
from clmdeploy.changes.verification import verify
from clmdeploy.model.errors import ExitCode, StoreUnavailable
from clmdeploy.queries.changes import summaries
from tests.unit.cli.desk import Desk

OFFLINE = ("rollback", "-e", "lab", "--offline", "--reason", "the storage is down", "--yes")


@contextmanager
def silent(store: MemoryStore) -> Iterator[None]:
    """The storage does not answer."""

    def no_answer(*_what: object, **_more: object) -> None:
        raise StoreUnavailable("storage does not answer")

    vars(store).update(get=no_answer, put=no_answer, keys=no_answer)
    try:
        yield
    finally:
        for name in ("get", "put", "keys"):
            del vars(store)[name]


@contextmanager
def outage(desk: Desk) -> Iterator[None]:
    """Neither bucket answers."""
    with silent(desk.state), silent(desk.releases):
        yield


def vanish(act: Guarded) -> None:
    """The control node is lost in the middle of app2's switch."""
    if (act.act, act.guard, act.host.name) == ("switch", "run", "app2"):
        raise KeyboardInterrupt


@pytest.fixture
def upgraded(desk: Desk) -> Desk:
    """1.1.0 runs, 1.0.0 is the release before."""
    assert desk("deploy", "1.1.0", "-e", "lab", "--yes").code == ExitCode.DONE
    return desk


def test_the_way_back_needs_no_storage(upgraded: Desk) -> None:
    """One command, and all hosts run the release before; the next command from here brings the journal in."""
    with outage(upgraded):
        said = upgraded(*OFFLINE)
        assert said.code == ExitCode.DONE, said.err
        assert set(upgraded.runs.values()) == {"1.0.0"}
    shipped = upgraded("journal", "ship", "-e", "lab", "--json").json["changes"]
    assert len(shipped) == 1
    journal = upgraded.runtime().journal
    assert summaries(journal, 1)[0].reason == "the storage is down"
    assert journal.newest_change() == shipped[0]
    assert verify(journal) == len(journal.events(shipped[0])) + len(journal.events(summaries(journal, 2)[1].id))
    assert upgraded("journal", "ship", "-e", "lab", "--json").json["changes"] == []


def test_after_the_outage_the_next_deploy_goes_on(upgraded: Desk) -> None:
    """It ships the journal first; hosts listen to the lease again, since its token is larger than what they saw."""
    with outage(upgraded):
        upgraded(*OFFLINE)
    said = upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {"1.2.0"}


def test_it_wants_a_reason_and_a_need(upgraded: Desk) -> None:
    """Without a reason, or while the storage answers, nothing is done."""
    assert upgraded("rollback", "-e", "lab", "--offline", "--yes").code == ExitCode.USAGE
    said = upgraded(*OFFLINE)
    assert (said.code, "the storage answers" in said.err) == (ExitCode.USAGE, True)
    assert set(upgraded.runs.values()) == {"1.1.0"}


def test_a_change_that_the_outage_cut_off_is_superseded(upgraded: Desk) -> None:
    """The storage falls silent in the middle of a deploy: all goes back offline, and later nothing stands open."""

    upgraded.hosts.after = vanish
    upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    upgraded.hosts.after = lambda _act: None
    cut_off = upgraded.newest()
    upgraded.hosts.host("lb1").servers["app2"] = "drain"
    with outage(upgraded):
        said = upgraded(*OFFLINE, "--to", "1.1.0")
        assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {"1.1.0"}
    assert set(upgraded.hosts.host("lb1").servers.values()) == {"ready"}
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    journal = upgraded.runtime().journal
    assert journal.ledger(cut_off).closed == "superseded"
    assert list(journal.ledger(cut_off).owed()) == []
    assert upgraded("change", "resume", "-e", "lab").code == ExitCode.USAGE
    assert verify(journal) > 0


def test_a_second_operator_without_the_storage_is_refused_by_the_hosts(upgraded: Desk) -> None:
    """Somebody else has claimed the hosts and is not done: who, since when, and how to go on if they are lost."""
    claim = {"change": "c9", "who": "petrov (root@ctl2)", "since": "now", "scope": "fleet", "token": 7, "ended": False}
    upgraded.hosts.host("app2").claim = claim
    upgraded.hosts.host("app2").tokens["fleet"] = 7
    with outage(upgraded):
        said = upgraded(*OFFLINE)
        assert said.code == ExitCode.LEASE_HELD
        assert "petrov (root@ctl2)" in said.err
        assert "--instead-of c9" in said.err
        assert set(upgraded.runs.values()) == {"1.1.0"}
        assert upgraded(*OFFLINE, "--instead-of", "c9").code == ExitCode.DONE
    assert set(upgraded.runs.values()) == {"1.0.0"}


def test_what_was_cut_off_without_the_storage_is_gone_on_with(upgraded: Desk) -> None:
    """Offline, from the journal that is kept here; a second rollback is refused until then."""

    with outage(upgraded):
        upgraded.hosts.after = vanish
        upgraded(*OFFLINE)
        upgraded.hosts.after = lambda _act: None
        again = upgraded(*OFFLINE)
        assert (again.code, "--offline" in again.err) == (ExitCode.UNKNOWN, True)
        said = upgraded("change", "resume", "-e", "lab", "--offline")
        assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {"1.0.0"}
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE


def test_what_was_cut_off_without_the_storage_can_be_finished_with_it(upgraded: Desk) -> None:
    """The storage answers again: resume ships what there is, and goes on under a lease."""

    with outage(upgraded):
        upgraded.hosts.after = vanish
        upgraded(*OFFLINE)
        upgraded.hosts.after = lambda _act: None
    said = upgraded("change", "resume", "-e", "lab")
    assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {"1.0.0"}
    assert verify(upgraded.runtime().journal) > 0


def test_a_release_that_nobody_holds_is_no_way_back(upgraded: Desk) -> None:
    """Nothing can be staged without the storage."""
    for name in ("app1", "app2", "app3", "worker1"):
        upgraded.hosts.host(name).staged.discard(upgraded.directories["1.0.0"])
    with outage(upgraded):
        said = upgraded(*OFFLINE)
    assert said.code == ExitCode.INVALID
    assert "no host of lab holds clm 1.0.0" in said.err


def test_a_host_that_lacks_the_release_is_named(upgraded: Desk) -> None:
    """It can be left out."""
    upgraded.hosts.host("app3").staged.discard(upgraded.directories["1.0.0"])
    with outage(upgraded):
        said = upgraded(*OFFLINE)
    assert said.code == ExitCode.FAILED_UNCHANGED
    assert "app3 does not hold" in said.err


def test_a_record_that_was_edited_on_a_host_is_refused(upgraded: Desk) -> None:
    """The signature under which it was published decides, not who holds it."""
    directory = upgraded.directories["1.0.0"]
    document, signature = upgraded.hosts.records[directory]
    upgraded.hosts.records[directory] = (document.replace(b"web.service", b"bad.service"), signature)
    with outage(upgraded):
        said = upgraded(*OFFLINE)
    assert said.code == ExitCode.INVALID
    assert set(upgraded.runs.values()) == {"1.1.0"}


def test_work_that_was_taken_back_is_shipped_like_any(upgraded: Desk) -> None:
    """Every kind of event goes into the bucket, and is read there again."""
    with outage(upgraded):
        upgraded.fail("switch", "app2")
        assert upgraded(*OFFLINE).code == ExitCode.FAILED_UNCHANGED
        upgraded.hosts.before = lambda _act: None
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    assert upgraded.runtime().journal.ledger(upgraded.newest()).closed == "taken-back"
    assert upgraded("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_no_lease_is_worth_anything_on_hosts_that_are_claimed(upgraded: Desk) -> None:
    """Cut off offline; another node reaches the storage: however many leases it takes, the hosts listen to none."""

    with outage(upgraded):
        upgraded.hosts.after = vanish
        upgraded(*OFFLINE)
        upgraded.hosts.after = lambda _act: None
    mine = upgraded.place / "own"
    mine.rename(upgraded.place / "elsewhere")  # this is another control node now
    for _ in range(3):
        refused = upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
        assert refused.code == ExitCode.FAILED_UNCHANGED
        assert "worked here without the storage" in refused.err
    (upgraded.place / "elsewhere").rename(mine)
    assert upgraded("change", "resume", "-e", "lab").code == ExitCode.DONE
    assert set(upgraded.runs.values()) == {"1.0.0"}


@contextmanager
def dying_at(store: MemoryStore, number: int) -> Iterator[None]:
    """The control node is lost when it stores this event of a change."""
    put = store.put

    def dies(key: str, *rest: object, **more: object) -> object:
        if key.endswith(f"/events/{number:06d}"):
            raise KeyboardInterrupt
        return put(key, *rest, **more)  # type: ignore[arg-type]  # passed on as it came

    vars(store)["put"] = dies
    try:
        yield
    finally:
        del vars(store)["put"]


def is_served(desk: Desk, act: Guarded) -> bool:
    """Whether users are sent to a host whose release is about to be exchanged."""
    servers = desk.hosts.host("lb1").servers
    return (act.act, act.guard) == ("switch", "run") and servers.get(act.host.name) == "ready"


@pytest.mark.parametrize(("verb", "runs"), [("abort", "1.1.0"), ("resume", "1.0.0")])
@pytest.mark.parametrize("number", [1, 3, 8])
def test_work_that_was_shipped_in_part_is_looked_at_on_the_hosts(
    upgraded: Desk, verb: str, runs: str, number: int
) -> None:
    """Its control node is lost while it ships; what the rest of its journal would tell is probed, never guessed."""
    with outage(upgraded):
        upgraded(*OFFLINE)
    with dying_at(upgraded.state, number):
        upgraded("journal", "ship", "-e", "lab")
    (upgraded.place / "own").rename(upgraded.place / "elsewhere")  # this is another control node now
    upgraded.hosts.before = lambda act: serving.append(act.host.name) if is_served(upgraded, act) else None
    serving: list[str] = []
    said = upgraded("change", verb, "-e", "lab")
    assert serving == []
    assert said.code == ExitCode.DONE, said.err
    assert set(upgraded.runs.values()) == {runs}
    assert set(upgraded.hosts.host("lb1").servers.values()) == {"ready"}
    assert verify(upgraded.runtime().journal) > 0


def test_a_ship_that_was_cut_off_at_its_end_is_completed(upgraded: Desk) -> None:
    """All events are there, but the signed head does not name the last one, and the lease is held by who was lost."""
    with outage(upgraded):
        upgraded(*OFFLINE)
    put, lost = upgraded.state.put, list[str]()

    def dies(key: str, *rest: object, **more: object) -> object:
        lost.extend([key] if key.endswith("/journal/head") and closed() else [])
        if lost:
            raise KeyboardInterrupt
        return put(key, *rest, **more)  # type: ignore[arg-type]  # passed on as it came

    def closed() -> bool:
        journal = upgraded.runtime().journal
        newest = journal.newest_change()
        return newest is not None and newest.partition("-rollback-")[1] != "" and journal.is_settled(newest)

    vars(upgraded.state)["put"] = dies
    upgraded("journal", "ship", "-e", "lab")
    del vars(upgraded.state)["put"]
    assert lost
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    journal = upgraded.runtime().journal
    assert journal.head().last == journal.last_link()  # type: ignore[union-attr]
    assert upgraded("lease", "show", "-e", "lab", "--json").json["leases"]["fleet"]["held"] is False
    assert upgraded("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_a_newer_open_change_is_finished_before_old_work_is_shipped(upgraded: Desk) -> None:
    """The lease was renewed, and another node's deploy was cut off: shipping does not close that one."""

    with outage(upgraded):
        upgraded(*OFFLINE)
    mine, other = upgraded.place / "own", upgraded.place / "elsewhere"
    mine.rename(other)
    assert upgraded("lease", "renew", "-e", "lab", "--confirm", "lab").code == ExitCode.DONE
    upgraded.hosts.after = vanish
    upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    upgraded.hosts.after = lambda _act: None
    later = upgraded.newest()
    shutil.rmtree(mine, ignore_errors=True)
    other.rename(mine)
    refused = upgraded("journal", "ship", "-e", "lab")
    assert (refused.code, later in refused.err) == (ExitCode.UNKNOWN, True)
    assert upgraded("change", "resume", "-e", "lab").code == ExitCode.DONE
    assert set(upgraded.runs.values()) == {"1.2.0"}
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    assert verify(upgraded.runtime().journal) > 0


def test_a_debt_from_before_is_settled_where_the_work_covered_it(upgraded: Desk) -> None:
    """A change that closed by itself owing an undo is superseded too: nothing is undone on a host that is whole."""

    def silent_later(act: Guarded) -> None:
        if (act.act, act.guard, act.host.name) == ("switch", "run", "app2"):
            upgraded.hosts.silent = {"app2"}

    upgraded.fail("switch", "app3")
    upgraded.hosts.after = silent_later
    upgraded("deploy", "1.2.0", "-e", "lab", "--yes")
    upgraded.hosts.before = upgraded.hosts.after = lambda _act: None
    upgraded.hosts.silent = set()
    assert upgraded.runtime().journal.owed()
    with outage(upgraded):
        said = upgraded(*OFFLINE, "--to", "1.0.0")
        assert said.code == ExitCode.DONE, said.err
    assert upgraded("journal", "ship", "-e", "lab").code == ExitCode.DONE
    assert upgraded.runtime().journal.owed() == {}
    assert upgraded("deploy", "1.2.0", "-e", "lab", "--yes").code == ExitCode.DONE


def test_cut_off_work_is_settled_although_a_host_has_died_since(upgraded: Desk) -> None:
    """Those that answer go back or forth; the dead one owes."""

    with outage(upgraded):
        upgraded.hosts.after = vanish
        upgraded(*OFFLINE)
        upgraded.hosts.after = lambda _act: None
        upgraded.hosts.silent = {"app3"}
        said = upgraded("change", "abort", "-e", "lab", "--offline")
        assert said.code in (ExitCode.DONE, ExitCode.FAILED_PARTLY), said.err
    assert {upgraded.runs[name] for name in ("app1", "app2")} == {"1.1.0"}


def test_a_dirty_schema_has_no_verdict(desk: Desk) -> None:
    """With or without the storage: a migration that ended half-way may have taken away what the older release needs."""
    desk.publish("1.3.0", ((1, "expand", "[bin/schema, down]", "1.0.0"),), needs=1)
    assert desk("deploy", "1.3.0", "-e", "lab", "--yes", "--no-restore-point", "x").code == ExitCode.DONE
    desk.hosts.schema["dirty"] = True
    assert desk("rollback", "-e", "lab", "--yes").code == ExitCode.FAILED_UNCHANGED
    with outage(desk):
        said = desk(*OFFLINE)
    assert (said.code, "dirty" in said.err) == (ExitCode.FAILED_UNCHANGED, True)
    assert set(desk.runs.values()) == {"1.3.0"}


def test_it_goes_with_no_option_that_needs_the_storage(upgraded: Desk) -> None:
    """Nothing is proposed, handed on or asked of a backup without it; --instead-of is about such work alone."""
    for words in (("--propose",), ("--stop-backup",)):
        assert upgraded(*OFFLINE, *words).code == ExitCode.USAGE
    assert upgraded("rollback", "-e", "lab", "--instead-of", "c1", "--yes").code == ExitCode.USAGE


def test_status_names_what_was_cut_off_without_the_storage(upgraded: Desk) -> None:
    """Which change stands open here, and the command that goes on with it while the storage is silent: it does."""
    with outage(upgraded):
        upgraded.hosts.after = vanish
        upgraded(*OFFLINE)
        upgraded.hosts.after = lambda _act: None
        shown = upgraded("status", "-e", "lab", "--probe")
        following = upgraded("status", "-e", "lab", "--json").json["next"]
        assert shown.out.splitlines()[-1] == f"Next: {following}"
        program, *words = following.split()
        assert (program, words[:2], words[3:]) == ("clmdeploy", ["change", "resume"], ["-e", "lab", "--offline"])
        assert f"change {words[2]}, made without the storage, stands open" in shown.out
        assert upgraded(*words).code == ExitCode.DONE
        assert "Next:" not in upgraded("status", "-e", "lab").out


def test_status_names_what_is_not_shipped_yet(upgraded: Desk) -> None:
    """And the command to type."""
    with outage(upgraded):
        upgraded(*OFFLINE)
    shown = upgraded("status", "-e", "lab")
    assert "is here only" in shown.out
    assert shown.out.splitlines()[-1] == "Next: clmdeploy journal ship -e lab"
