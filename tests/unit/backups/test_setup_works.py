"""The works of `backup setup`: commands on the backup host's account, outcomes that can be trusted when done again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clmdeploy.backups.command import Completed
from clmdeploy.backups.work import WorkFailed
from clmdeploy.backups.works import WORKS

REPOSITORY: dict[str, Any] = {"repository": "s3:https://s3/b/restic/app1", "host": "app1", "authority": "/ca"}
FAILED = Completed(1, b"", b'{"message_type":"exit_error","code":1,"message":"Fatal: wrong"}')


def info(code: int) -> Completed:
    status = {"code": code, "message": "x", "lock": {"backup": {"held": False}}}
    stanza = {"name": "clm", "cipher": "none", "status": status, "db": [], "archive": [], "repo": [], "backup": []}
    return Completed(0, json.dumps([stanza]).encode())


@pytest.mark.parametrize("name", ["pgbackrest-stanza", "restic-init", "restic-key"])
def test_jobs_run_as_their_own_account(name: str) -> None:
    """With keys from files: neither arguments nor variables hold one."""
    arguments = {"stanza": "clm", **REPOSITORY}
    for command in (*WORKS[name].commands(arguments), *WORKS[name].question(arguments)):
        assert command.user == "clm-backup"
        assert all(path.startswith("/etc/clm-backup/secrets/") for path in command.secrets.values())
        assert len(command.secrets) >= 2


@pytest.mark.parametrize(("code", "state"), [(0, "done"), (2, "done"), (1, "not-done"), (3, "not-done")])
def test_a_stanza_is_there_or_not(code: int, state: str) -> None:
    """By its own listing; one without backups is one."""
    assert WORKS["pgbackrest-stanza"].state({"stanza": "clm"}, [info(code)])["state"] == state


def test_a_repository_that_is_there_is_no_failure() -> None:
    """Of an environment whose backup host was built anew."""
    there = Completed(1, b"", b'{"message_type":"exit_error","code":1,"message":"Fatal: config file already exists"}')
    assert WORKS["restic-init"].read(REPOSITORY, [there]) == {"made": False}
    assert WORKS["restic-init"].read(REPOSITORY, [Completed(0)]) == {"made": True}
    with pytest.raises(WorkFailed):
        WORKS["restic-init"].read(REPOSITORY, [FAILED])


@pytest.mark.parametrize("name", ["restic-init", "restic-key"])
def test_what_can_be_opened_was_made(name: str) -> None:
    """With the password that it was to be opened with."""
    (question,) = WORKS[name].question(REPOSITORY)
    wanted = {"restic-init": "files-passphrase", "restic-key": "hosts/app1"}[name]
    assert question.environment["RESTIC_PASSWORD_FILE"] == f"/etc/clm-backup/secrets/{wanted}"
    assert WORKS[name].state(REPOSITORY, [Completed(0)])["state"] == "done"
    assert WORKS[name].state(REPOSITORY, [Completed(12)]) == {"state": "not-done"}


def test_a_host_shows_its_certificate_and_no_key() -> None:
    """Through the gateway."""
    arguments = {"repository": "rest:https://backup1:8000/app1/", "host": "app1"}
    version, opening = WORKS["restic-reach"].commands(arguments)
    assert opening.environment["RESTIC_TLS_CLIENT_CERT"] == "/etc/clm-backup/tls/client.pem"
    assert not opening.secrets
    told = WORKS["restic-reach"].read(arguments, [Completed(0, b'{"version":"0.18.0"}'), Completed(0)])
    assert told == {"version": "0.18.0"}
    with pytest.raises(WorkFailed):
        WORKS["restic-reach"].read(arguments, [Completed(0, b'{"version":"0.18.0"}'), FAILED])
    assert version.secrets == {}
