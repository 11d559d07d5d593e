"""What `pgbackrest info` says is read exactly, and judged by its states: its exit code is always 0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest_info import read_info

FULL, INCR = "20261123-010203F", "20261123-010203F_20261124-010203I"
WAL = "000000010000000000000002"


def backup(label: str = FULL, **other: Any) -> dict[str, Any]:
    """As 2.55 tells one."""
    return {
        "label": label,
        "type": "full",
        "prior": None,
        "reference": None,
        "archive": {"start": WAL, "stop": WAL},
        "lsn": {"start": "0/2000028", "stop": "0/2000100"},
        "timestamp": {"start": 1763860000, "stop": 1763860060},
        "database": {"id": 1, "repo-key": 1},
        "info": {"size": 100, "delta": 90, "repository": {"delta": 30, "size-map": 1, "delta-map": 1}},
        "backrest": {"format": 5, "version": "2.55.1"},
        "error": False,
        **other,
    }


def stanza(code: int = 0, **other: Any) -> dict[str, Any]:
    return {
        "name": "clm",
        "cipher": "aes-256-cbc",
        "status": {"code": code, "message": "ok", "lock": {"backup": {"held": False}}},
        "db": [{"id": 1, "system-id": 18446744073709551615, "version": "17", "repo-key": 1}],
        "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "17-1", "min": WAL, "max": None}],
        "repo": [{"key": 1, "cipher": "aes-256-cbc", "status": {"code": code, "message": "ok"}}],
        "backup": [backup()],
        **other,
    }


def said(*stanzas: dict[str, Any]) -> bytes:
    return json.dumps(stanzas).encode()


def test_a_backup_is_told_with_references_wal_positions_and_sizes() -> None:
    """Block increments leave the repository's size untold: what this backup added is known."""
    later = backup(INCR, type="incr", prior=FULL, reference=[FULL], annotation={"clm-point": "p1"})
    told = read_info(said(stanza(backup=[backup(), later])), "clm")
    first, second = told.backups
    assert (first.kind, first.needs, first.stored, first.timeline, first.is_spoiled) == ("full", (), 30, 1, False)
    assert first.lsn is not None
    assert (first.lsn.stop, first.archive.stop, first.info.size) == ("0/2000100", WAL, 100)
    assert first.completed.isoformat() == "2025-11-23T01:07:40+00:00"
    assert (second.needs, second.annotation) == ((FULL,), {"clm-point": "p1"})
    assert told.databases[-1].system_id == 2**64 - 1
    assert told.is_sound


@pytest.mark.parametrize("damage", [{"error": True}, {"error-list": ["base/1/2"]}])
def test_wrong_page_checksums_spoil_a_backup(damage: dict[str, Any]) -> None:
    """pgBackRest calls it a success all the same."""
    assert read_info(said(stanza(backup=[backup(**damage)])), "clm").backups[0].is_spoiled


REFUSED = (
    b'[{"archive":[],"backup":[],"cipher":"aes-256-cbc","db":[],"name":"clm","repo":[{"cipher":"aes-256-cbc","key":1,'
    b'"status":{"code":99,"message":"[HostConnectError] unable to connect to \'127.0.0.1:9\': [111] Connection refused'
    b'\\n    [HostConnectError] on 6 retries"}}],'
    b'"status":{"code":99,"lock":{"backup":{"held":false}},"message":"other"}}]'
)
NOTHING = (
    b'[{"archive":[],"backup":[],"cipher":"aes-256-cbc","db":[],"name":"clm","repo":[{"cipher":"aes-256-cbc","key":1,'
    b'"status":{"code":1,"message":"missing stanza path"}}],'
    b'"status":{"code":1,"lock":{"backup":{"held":false}},"message":"missing stanza path"}}]'
)


@pytest.mark.parametrize(("answer", "words"), [(REFUSED, "Connection refused"), (NOTHING, "no such stanza")])
def test_a_dead_storage_and_a_missing_stanza_are_no_success(answer: bytes, words: str) -> None:
    """Both as pgBackRest 2.55.1 said them, with exit code 0."""
    told = read_info(answer, "clm")
    assert not told.is_sound
    assert words in told.words
    assert told.words.ru != told.words


def test_a_running_backup_tells_its_progress_in_bytes() -> None:
    """Only from the moment on when its size is known."""
    lock = {"held": True, "size-cplt": 40, "size": 100}
    told = read_info(said(stanza(status={"code": 0, "message": "ok", "lock": {"backup": lock}})), "clm")
    assert told.is_running
    assert told.progress is not None
    assert (told.progress.done, told.progress.total) == (40, 100)
    lock = {"held": True}
    begun = read_info(said(stanza(status={"code": 0, "message": "ok", "lock": {"backup": lock}})), "clm")
    assert (begun.is_running, begun.progress) == (True, None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        said(stanza(name="other")),
        said(stanza(backup=[backup("../../etc")])),
        said(stanza(backup=[backup(reference=["x/y"])])),
        said(stanza(backup=[backup(archive={"start": "1", "stop": WAL})])),
        said(stanza(backup=[backup(info={"size": -1, "delta": 0, "repository": {"delta": 0}})])),
        said(stanza(backup=[backup(type="other")])),
        said(stanza(backup=[backup(annotation={"a": 1})])),
        said(stanza(backup="none")),
    ],
)
def test_hostile_answers_are_refused(answer: bytes) -> None:
    """Labels become paths: none is taken that is not one."""
    with pytest.raises(Unintelligible, match="pgbackrest info"):
        read_info(answer, "clm")
