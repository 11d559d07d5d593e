"""Repositories in memory, spoken to in the engines' own words: argument vectors in, their output back."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from typing import Any

from clmdeploy.adapters.memory_hosts import MemoryHost
from clmdeploy.backups.point import RestorePoint
from clmdeploy.changes.guarded import Guarded, Outcome
from tests.unit.cli.desk import GROUPS, SETTINGS, Clock, Desk, Fleet

BACKUP: dict[str, Any] = {  # Any: as it comes from YAML
    "storage": {"bucket": "clm-backups", "keys": {"access_key": {"env": "A"}, "secret_key": {"env": "B"}}},
    "database": {"passphrase": {"env": "C"}}, "files": {"passphrase": {"env": "D"}},
    "retention": {"last": 1, "daily": 0, "weekly": 0, "monthly": 0},
}  # fmt: skip
SYSTEM = 7400000000000000001


class Vault(Fleet):
    """The backup host's engines work on `backups` (label → type, references, first segment, point) and `snapshots`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.backups: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, dict[str, str | None]] = {}
        self.first_log = ""
        """oldest segment of log"""
        self.stuck: set[str] = set()
        """repositories in which nothing goes, though the engine says it did"""
        self.broken: set[str] = set()
        """repositories that can't be opened"""
        self.locked = False
        self.said: list[str] = []

    def hold(self, points: Iterable[RestorePoint]) -> None:
        """What was stored for the points."""
        for point in points:
            part = point.database
            wal = part.wal.start if part.wal else ""
            self.backups[part.label] = {
                "type": part.type, "reference": list(part.references), "wal": wal, "point": point.id,
            }  # fmt: skip
            self.first_log = min(self.first_log or wal, wal)
            for one in point.files:
                self.snapshots.setdefault(one.repository, {})[one.snapshot] = point.id

    def _engine_perform(self, _host: MemoryHost, act: Guarded) -> Outcome:
        completed = []
        for command in act.arguments["commands"]:
            code, said = self._run(command["argv"], command["environment"])
            completed.append(_raw(code, said))
            if code:
                break
        return Outcome(status="done", result={"completed": completed})

    _engine_ask = _engine_perform

    def _run(self, argv: list[str], environment: dict[str, str]) -> tuple[int, str]:
        words = [word for word in argv if not word.startswith("--")]
        self.said.append(" ".join(argv))
        if words[0] == "pgbackrest":
            return self._pgbackrest(words[1], argv)
        return self._restic(words[1:], environment["RESTIC_REPOSITORY"].rpartition("/")[2])

    def _pgbackrest(self, verb: str, argv: list[str]) -> tuple[int, str]:
        options = dict(word[2:].partition("=")[::2] for word in argv if word.startswith("--"))
        if "clm" in self.broken:
            return (0, json.dumps([self._info(99)])) if verb == "info" else (103, "")
        if verb == "info":
            return 0, json.dumps([self._info(0)])
        if "set" in options and "clm" not in self.stuck:
            self.backups.pop(options["set"], None)
            for label in [name for name, one in self.backups.items() if options["set"] in one["reference"]]:
                del self.backups[label]
        if "repo1-retention-archive" in options:
            fulls = sorted((name for name, one in self.backups.items() if one["type"] == "full"), reverse=True)
            self.first_log = self.backups[fulls[int(options["repo1-retention-archive"]) - 1]]["wal"]
        return 0, ""

    def _info(self, code: int) -> dict[str, Any]:
        told = {"code": code, "message": "ok" if not code else "[HostConnectError] no route"}
        archive = {"database": {"id": 1, "repo-key": 1}, "id": "17-1", "min": self.first_log or None, "max": None}
        return {
            "name": "clm", "cipher": "aes-256-cbc", "status": {**told, "lock": {"backup": {"held": self.locked}}},
            "db": [{"id": 1, "system-id": SYSTEM, "version": "17", "repo-key": 1}], "archive": [archive],
            "repo": [{"key": 1, "cipher": "aes-256-cbc", "status": told}],
            "backup": [_backup(label, one) for label, one in sorted(self.backups.items())] if not code else [],
        }  # fmt: skip

    def _restic(self, words: list[str], name: str) -> tuple[int, str]:
        if name in self.broken:
            return 1, ""
        held = self.snapshots.setdefault(name, {})
        if words[0] == "forget" and name not in self.stuck:
            for snapshot in words[1:]:
                held.pop(snapshot, None)
        return 0, json.dumps([_snapshot(one, point) for one, point in held.items()]) if words[0] == "snapshots" else ""


def vault_of(desk: Desk) -> Vault:
    """The desk's environment with a backup host, whose repositories are in memory."""
    vault = Vault(desk.clock)
    vault.hosts, vault.manifests, vault.records = desk.hosts.hosts, desk.hosts.manifests, desk.hosts.records
    desk.hosts = vault
    desk.settings = {**SETTINGS, "backup": BACKUP}
    desk.groups = {**GROUPS, "db1": "db", "backup1": "backup"}
    return vault


def _backup(label: str, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": label, "type": one["type"], "prior": one["reference"][-1] if one["reference"] else None,
        "reference": one["reference"] or None, "archive": {"start": one["wal"], "stop": one["wal"]},
        "timestamp": {"start": 1, "stop": 2}, "database": {"id": 1, "repo-key": 1},
        "info": {"size": 1, "delta": 1, "repository": {"delta": 1}}, "annotation": {"clm-point": one["point"]},
        "backrest": {"format": 5, "version": "2.55.1"},
    }  # fmt: skip


def _snapshot(snapshot: str, point: str | None) -> dict[str, Any]:
    tags = [f"clm-point={point}"] if point else []
    return {"id": snapshot, "tree": "3" * 64, "time": "2026-01-05T01:02:03Z", "paths": ["/srv/clm"], "tags": tags}


def _raw(code: int, said: str) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(said.encode())).decode()
    empty = base64.b64encode(zlib.compress(b"")).decode()
    return {"code": code, "stdout": packed, "stderr": empty, "cut": False, "late": False}
