"""A backup host in memory: a bucket, and what engines and acts say of it. Content is stored as it is, unencrypted."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.backups.host_files import stanza_on_backup_host
from clmdeploy.backups.ledgers import Ledgers
from clmdeploy.backups.parts import StorageMap
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.wal import Segment
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.hostside.acts.reading import Pieces
from clmdeploy.model.hosts import Host
from clmdeploy.queries.engine_words import EngineWords
from clmdeploy.queries.stored_objects import StoredObjects
from tests.unit.backups.conftest import Seal
from tests.unit.cli.desk import SETTINGS

MIB = 1024**2
LAYOUT = StorageMap("clm")
HOST = Host(name="backup1", address="192.0.2.9", groups=("backup",))
ENVIRONMENT = LoadedEnvironment(Path("lab"), Environment.model_validate(SETTINGS), (HOST,), {})


class BackupHost:
    """A Performer. `read`: keys that were read, in order. `trouble`: the storage does not serve any more."""

    def __init__(self, *points: RestorePoint) -> None:
        self.bucket: dict[str, bytes] = {}
        self.points = points
        self.read: list[str] = []
        self.trouble_after: int | None = None
        self.at_once = 1000
        self.structure_errors: list[str] = []
        self.uses_of_packs: dict[str, list[str]] = {}
        self.asked: list[str] = []
        store_database(self.bucket, points)
        store_files(self.bucket, points)

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """Each is a question to the backup host."""
        del listen
        found = {}
        for act in acts:
            assert (act.guard, act.verb) == ("ask", "ask")
            assert json.dumps(act.arguments)
            self.asked.append(act.act)
            found[act.key] = Outcome(status="done", result=getattr(self, f"_{act.act}")(act.arguments))
        return found

    def objects(self) -> StoredObjects:
        return StoredObjects(self, ENVIRONMENT, HOST, {})

    def engines(self) -> EngineWords:
        def files(host: str) -> Restic:
            return Restic(f"s3:x/{host}", host, "password", "/cache")

        return EngineWords(self.objects(), stanza_on_backup_host("clm"), files)

    def _objects(self, arguments: Any) -> Any:
        keys = sorted(key for key in self.bucket if key.startswith(arguments["prefix"]))
        at = int(arguments["more"] or 0)
        page = [[key, len(self.bucket[key]), etag(self.bucket[key]), ""] for key in keys[at : at + 7]]
        return {"objects": page, "more": str(at + 7) if len(keys) > at + 7 else ""}

    def _reading(self, arguments: Any) -> Any:
        told = []
        for one in arguments["objects"][: self.at_once]:
            if self.trouble_after is not None and len(self.read) >= self.trouble_after:
                return {"read": told, "trouble": "the storage fell silent"}
            self.read.append(one["key"])
            told.append(answer_of(one, self.bucket.get(one["key"])))
        return {"read": told, "trouble": ""}

    def _output(self, arguments: Any) -> Any:
        code, said = self._said(arguments["command"]["argv"])
        data = base64.b64encode(zlib.compress(said[arguments["skip"] :])).decode()
        return {"data": data, "more": False, "code": code, "said": "" if code == 0 else "it failed"}

    def _said(self, argv: list[str]) -> tuple[int, bytes]:
        if "repo-get" in argv:
            body = self.bucket.get(f"pgbackrest/{argv[-1]}")
            return (55, b"") if body is None else (0, body)
        if "info" in argv:
            return 0, json.dumps([stanza_of(self.points)]).encode()
        if "find" in argv:
            blobs = [{"objectType": "blob", "snapshot": one} for one in self.uses_of_packs.get(argv[-1], [])]
            return 0, json.dumps(blobs).encode()
        errors = self.structure_errors
        summary = {"message_type": "summary", "num_errors": len(errors), "broken_packs": errors}
        return (1 if errors else 0), json.dumps(summary).encode()


def etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def sha1(body: bytes) -> str:
    return hashlib.sha1(body, usedforsecurity=False).hexdigest()


def answer_of(one: Any, body: bytes | None) -> dict[str, Any]:
    """As hostside/acts/reading answers."""
    if body is None:
        return {"key": one["key"], "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest(), "fault": "gone"}
    pieces = Pieces(base64.b64decode(one.get("pieces", "")))
    pieces.feed(0, body)
    answer = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "fault": pieces.fault()}
    plain = {"plain_bytes": len(body), "plain_sha1": sha1(body)} if one.get("file") else {}
    return {"key": one["key"], **answer, **plain}


def store_database(bucket: dict[str, bytes], points: Sequence[RestorePoint]) -> None:
    """Two bundles and a manifest for each backup; log from the first to the last segment that is needed."""
    for point in points:
        label = point.database.label
        files = {f"pg_data/{label}/{number}": f"{label} {number}".encode() * 50 for number in range(4)}
        listed: dict[str, Any] = {}
        for number, (name, body) in enumerate(files.items()):
            key = LAYOUT.backup_key(label, f"bundle/{number // 2 + 1}")
            offset = len(bucket.get(key, b""))
            bucket[key] = bucket.get(key, b"") + body
            listed[name] = {"bni": number // 2 + 1, "bno": offset, "rck": sha1(body), "repo-size": len(body), "size": 9}
        for copy in ("", ".copy"):
            bucket[LAYOUT.backup_key(label, f"backup.manifest{copy}")] = manifest(point, listed)
    for pair in LAYOUT.info_keys():
        for key in pair:
            bucket[key] = sealed({"db": {"db-id": 1}})
    spans = [point.database.wal for point in points if point.database.wal]
    for number in range(min(segment(span.start) for span in spans), max(span.until.number for span in spans) + 1):
        put_segment(bucket, Segment(1, number).name)


def put_segment(bucket: dict[str, bytes], name: str) -> str:
    body = (name.encode() * MIB)[:MIB]
    key = f"pgbackrest/archive/clm/17-1/{name[:16]}/{name}-{sha1(body)}"
    bucket[key] = body
    return key


def segment(name: str) -> int:
    return Segment.named(name).number


def store_files(bucket: dict[str, bytes], points: Sequence[RestorePoint]) -> None:
    """One pack for each snapshot, besides what a repository has."""
    for point in points:
        for part in point.files:
            place = LAYOUT.whole_files_key(part.repository)
            bucket[f"{place}config"] = b"config"
            bucket[f"{place}locks/{'0' * 64}"] = b"somebody"
            bucket[f"{place}snapshots/{part.snapshot}"] = f"{point.created} {int(part.host[3:]) - 1}".encode()
            body = f"content of {part.snapshot}".encode()
            name = hashlib.sha256(body).hexdigest()
            bucket[f"{place}data/{name[:2]}/{name}"] = body


def pack_of(point: RestorePoint, host: str) -> str:
    """Key of the one pack of this point's snapshot."""
    snapshot = next(one.snapshot for one in point.files if one.host == host)
    name = hashlib.sha256(f"content of {snapshot}".encode()).hexdigest()
    return f"restic/{host}/data/{name[:2]}/{name}"


def manifest(point: RestorePoint, files: dict[str, Any]) -> bytes:
    backup = {"backup-bundle": True, "backup-label": point.database.label, "backup-type": point.database.type}
    return sealed({
        "backup": backup, "backup:db": {"db-system-id": int(point.database.system_id)},
        "backup:option": {"option-compress-type": "zst"}, "target:file": files,
    })  # fmt: skip


def sealed(sections: dict[str, dict[str, Any]]) -> bytes:
    """As pgBackRest writes its own files, with their checksum."""
    told = {"backrest": {"backrest-format": 5}, **sections}
    checksum = sha1(json.dumps(told, separators=(",", ":")).encode())
    text = "\n".join(
        f"[{section}]\n"
        + "".join(f"{key}={json.dumps(value, separators=(',', ':'))}\n" for key, value in pairs.items())
        for section, pairs in told.items()
    )
    return f'{text}\n[backrest]\nbackrest-checksum="{checksum}"\n'.encode()


def stanza_of(points: Sequence[RestorePoint]) -> dict[str, Any]:
    status = {"code": 0, "message": "ok"}
    return {
        "name": "clm", "cipher": "none", "status": {**status, "lock": {"backup": {"held": False}}},
        "db": [{"id": 1, "system-id": 7400000000000000001, "version": "17", "repo-key": 1}],
        "archive": [], "repo": [{"key": 1, "cipher": "none", "status": status}],
        "backup": [_told(point) for point in points],
    }  # fmt: skip


def _told(point: RestorePoint) -> dict[str, Any]:
    part = point.database
    assert part.wal is not None
    return {
        "label": part.label, "type": part.type, "prior": None, "reference": list(part.references) or None,
        "archive": {"start": part.wal.start, "stop": part.wal.stop}, "timestamp": {"start": 1, "stop": 2},
        "database": {"id": 1, "repo-key": 1}, "info": {"size": 1, "delta": 1, "repository": {"delta": 1}},
        "backrest": {"format": 5, "version": "2.55.1"}, "error": False,
    }  # fmt: skip


def ledgers(store: MemoryStore) -> Ledgers:
    return Ledgers(store, "lab", "uuid-of-lab", Seal(), Seal())
