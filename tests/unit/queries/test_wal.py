"""When the archiving of the log stands still: by what the primary says, and by what lies in the storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from clmdeploy.backups.parts import StorageMap
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.config.backup import DatabaseBackup
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.model.hosts import Host
from clmdeploy.queries.safety import next_for_archiving
from clmdeploy.queries.wal import Archiving, LogWatch, Primary, judged

NOW = 1_000_000.0
A, B, C = (f"0000000100000000000000{number:02X}" for number in (0x0A, 0x0B, 0x0C))
HEALTHY: dict[str, Any] = {
    "now": NOW, "standby": False, "mode": "on", "size": 16 * 1024**2, "current": C, "archived": B,
    "archived_at": NOW - 3000, "failed": None, "failed_at": None, "waiting": 0, "oldest": None,
}  # fmt: skip


def storage(segment: str | None = B) -> Outcome:
    if segment is None:
        return Outcome(status="failed", message="the storage is silent")
    newest = {segment[:8]: [segment, "2026-11-23T19:28:12.497Z"]} if segment else {}
    return Outcome(status="done", result={"newest": newest})


@pytest.mark.parametrize(
    ("told", "stored", "state", "waiting"),
    [
        ({}, B, "sound", 0),
        ({}, C, "sound", 0),
        ({"archived": None, "archived_at": None}, "", "sound", 0),
        ({"archived": f"{B}.00000028.backup"}, B, "sound", 0),
        ({"archived": "00000002.history"}, B, "sound", 0),
        ({"waiting": 3, "oldest": NOW - 20}, B, "sound", 0),
        ({"waiting": 3, "oldest": NOW - 500, "archived_at": NOW - 2}, B, "sound", 0),
        ({"failed": C, "failed_at": NOW - 4000}, B, "sound", 0),
        ({"waiting": 1, "failed": C, "failed_at": NOW - 1, "oldest": NOW - 2}, B, "stalled", 1),
        ({"waiting": 5, "oldest": NOW - 60}, B, "stalled", 5),
        ({"waiting": 5, "oldest": NOW - 60}, None, "stalled", 5),
        ({"archived": C}, A, "stalled", 2),
        ({"archived": C, "waiting": 4, "oldest": NOW - 1}, A, "stalled", 6),
        ({"archived": f"{C}.00000028.backup"}, B, "stalled", 1),
        ({}, "", "stalled", 1),
        ({"archived": "000000020000000000000003"}, B, "stalled", 1),
        ({}, None, "unknown", 0),
        ({"mode": "off", "waiting": 2, "oldest": 1.0}, B, "off", 0),
    ],
)
def test_a_stall_is_told_from_a_quiet_server(
    told: dict[str, Any], stored: str | None, state: str, waiting: int
) -> None:
    """A failure at once, silence after a while, a lie by what is not in the storage; a backlog that shrinks is none."""
    found = judged("db1", Primary.model_validate(HEALTHY | told), storage(stored))
    assert (found.state, found.waiting) == (state, waiting)


def test_since_when_is_the_last_segment_that_arrived() -> None:
    """By the storage where the server lies, by the server where it fails."""
    lie = judged("db1", Primary.model_validate(HEALTHY | {"archived": C}), storage(B))
    assert lie.since is not None
    assert lie.since.isoformat() == "2026-11-23T19:28:12+00:00"
    silent = judged("db1", Primary.model_validate(HEALTHY | {"waiting": 1, "oldest": NOW - 99}), storage(B))
    assert silent.since is not None
    assert silent.since.timestamp() == NOW - 3000


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (Archiving(state="sound"), None),
        (Archiving(state="unknown"), None),
        (Archiving(state="off"), "backup setup -e lab"),
        (Archiving(state="stalled", primary="db1", archived=B, stored=B), "host logs db1 postgresql.service -e lab"),
        (Archiving(state="stalled", primary="db1", archived=C, stored=B), "backup setup -e lab"),
    ],
)
def test_the_next_command_fits(found: Archiving, command: str | None) -> None:
    """A failing command is looked at in its log; one that lies is set up again."""
    assert next_for_archiving("lab", found, "postgresql.service") == command


class Hosts:
    """db1 is the primary, db2 its standby; the storage answers from a list, the last one for ever."""

    def __init__(self, primary: dict[str, Any], *stored: str) -> None:
        self.primary, self.stored = primary, list(stored)
        self.asked: list[str] = []

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        del listen
        self.asked += [f"{act.host.name} {act.act}" for act in acts]
        return {act.key: self._one(act) for act in acts}

    def _one(self, act: Guarded) -> Outcome:
        if act.act == "segments":
            return storage(self.stored.pop(0) if len(self.stored) > 1 else self.stored[0])
        told = self.primary if act.host.name == "db1" else HEALTHY | {"standby": True}
        return (
            Outcome(status="done", result=told) if told else Outcome(status="unreachable", message="no route to host")
        )


def look(hosts: Hosts) -> Archiving:
    backup, *servers = (Host(name=name, address="192.0.2.1") for name in ("backup1", "db1", "db2"))
    database = DatabaseBackup.model_validate({"passphrase": {"env": "X"}})
    parties = Parties(backup, tuple(servers), ())
    return LogWatch(hosts, "uuid", parties, database, StorageMap("clm"), {}).look()


def test_it_costs_one_question_a_host() -> None:
    """All at once."""
    hosts = Hosts(HEALTHY, B)
    assert (look(hosts).state, look(hosts).primary) == ("sound", "db1")
    assert sorted(hosts.asked[:3]) == ["backup1 segments", "db1 archiver", "db2 archiver"]


def test_a_segment_that_arrives_between_two_answers_is_no_lie() -> None:
    """The storage is asked once more before the server is called a liar."""
    assert look(Hosts(HEALTHY, A, B)).state == "sound"
    assert look(Hosts(HEALTHY, A, A)).state == "stalled"


def test_without_a_primary_nothing_is_known() -> None:
    """And it is told who did not answer."""
    found = look(Hosts({}, B))
    assert found.state == "unknown"
    assert "no route to host" in found.cause
    found = look(Hosts(HEALTHY | {"standby": True}, B))
    assert (found.state, "only standbys" in found.cause) == ("unknown", True)
