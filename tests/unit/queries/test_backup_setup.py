"""What is asked of hosts before backups are set up, and with which secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import HostUnreachable, UsageError
from clmdeploy.model.secret import Secret
from clmdeploy.queries.backup_setup import Asking
from tests.unit.planners.test_backup_setup import BACKUP, HOSTS, SETTINGS

ANSWERS: dict[str, dict[str, Any]] = {
    "arrange": {"differs": [], "packages": {}},
    "identity": {"identities": {}},
    "archiving": {"version": 170002, "told": "PostgreSQL 17.2", "standby": False, "settings": {}, "data": "/d"},
    "authority": {"authority": "a", "expires": 1.0},
    "software": {"said": {"rclone": {"path": "/usr/bin/rclone", "version": "rclone v1.75.2"}}},
}


@dataclass
class Hosts:
    """Answers every question alike, but what is told otherwise for a host and act."""

    otherwise: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    asked: list[Guarded] = field(default_factory=list)

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        self.asked += acts
        found = {act.key: self._answer(act) for act in acts}
        for key, outcome in found.items():
            listen(key, outcome)
        return found

    def _answer(self, act: Guarded) -> Outcome:
        known = self.otherwise.get((act.host.name, act.act))
        return known or Outcome(status="done", result=ANSWERS.get(act.act, {"state": "done"}))


def asking(hosts: Hosts, engines: Hosts | None = None, backup: dict[str, Any] | None = BACKUP) -> Asking:
    settings = Environment.model_validate({**SETTINGS, "backup": backup})
    environment = LoadedEnvironment(Path("/lab"), settings, HOSTS, {})
    return Asking(environment, hosts, engines or Hosts(), Secret, {})


def test_everybody_is_asked_and_nothing_is_done() -> None:
    """Questions only, and no host that has no part in backups."""
    hosts, engines = Hosts(), Hosts()
    found = asking(hosts, engines).setup(restart=False)
    assert {act.guard for act in (*hosts.asked, *engines.asked)} == {"ask"}
    assert {act.host.name for act in hosts.asked} == {"backup1", "db1", "db2", "app1"}
    assert found.facts.rclone_version == "rclone v1.75.2"


def test_each_host_gets_its_own_secrets_alone() -> None:
    """An application host: the password of its own repository. The keys go to the backup host."""
    hosts = Hosts()
    asking(hosts).setup(restart=False)
    told = {act.host.name: act.secrets for act in hosts.asked if act.secrets}
    assert told["app1"] == {"restic-password": Secret("backup.files.passphrase#restic/app1")}
    assert Secret("backup.storage.keys.secret_key") in told["backup1"].values()
    assert not any(Secret("backup.storage.keys.secret_key") in told.get(name, {}).values() for name in ("app1", "db1"))


def test_engines_are_asked_only_where_they_can_answer() -> None:
    """On a bare backup host nothing of theirs can have been done."""
    bare = Outcome(status="done", result={"differs": ["file /etc/clm-backup/pgbackrest.conf"], "packages": {}})
    engines = Hosts()
    facts = asking(Hosts({("backup1", "arrange"): bare}), engines).setup(restart=False).facts
    assert engines.asked == []
    assert facts.missing == {"restic-init": ("app1",), "restic-key": ("app1",), "pgbackrest-stanza": ("backup1",)}


def test_what_engines_have_not_done_is_missing() -> None:
    """Each by itself; what can't be told counts as not done, since doing it again does no harm."""
    silent = Outcome(status="failed", message="storage out of reach")
    facts = asking(Hosts(), Hosts({("backup1", "restic-key"): silent})).setup(restart=False).facts
    assert facts.missing == {"restic-key": ("app1",)}


def test_all_that_do_not_answer_are_named_at_once() -> None:
    """With what they said."""
    unset = Outcome(status="refused", message="the guard is not installed here: run `clmdeploy host setup`")
    lost = Outcome(status="unreachable", message="no route")
    with pytest.raises(HostUnreachable) as caught:
        asking(Hosts({("db1", "arrange"): unset, ("app1", "identity"): lost})).setup(restart=False)
    assert caught.value.message.splitlines() == [
        "db1: the guard is not installed here: run `clmdeploy host setup`", "app1: no route",
    ]  # fmt: skip


def test_an_environment_without_backups_says_what_to_write() -> None:
    """And where."""
    with pytest.raises(UsageError, match=r"clm\.yml: no section `backup`"):
        asking(Hosts(), backup=None).setup(restart=False)
