"""PostgreSQL's archiving: settings that hold, or a word why they don't; never a restart that nobody allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import archiving, kept, services
from clmdeploy.hostside.acts.call import ActError, Call, Json

SETTINGS = {"archive_mode": "on", "archive_command": "pgbackrest --stanza=clm archive-push %p", "archive_timeout": "60"}


class Server:
    """A PostgreSQL that takes its settings from conf.d when it is told to."""

    def __init__(self, place: Path) -> None:
        self.conf = place / "etc" / "conf.d"
        self.conf.mkdir(parents=True)
        self.data = place / "data"
        self.data.mkdir()
        self.values = {"archive_mode": "on", "archive_command": "", "archive_timeout": "0", "wal_level": "replica"}
        self.told: list[str] = []
        self.overridden: dict[str, str] = {}

    @property
    def wanted(self) -> dict[str, str]:
        path = self.conf / archiving.FILE
        lines = path.read_text().splitlines() if path.exists() else []
        pairs = [line.split(" = ", 1) for line in lines if " = " in line]
        return {name: value.strip("'") for name, value in pairs} | self.overridden

    def systemctl(self, verb: str, *words: str, check: bool = True) -> str:  # noqa: ARG002 as the true one
        self.told.append(f"{verb} {words[0]}")
        fresh = {name: value for name, value in self.wanted.items() if verb == "restart" or name != "archive_mode"}
        self.values |= fresh
        return ""

    def asked(self, _call: Call) -> Json:
        pending = self.wanted.get("archive_mode", self.values["archive_mode"]) != self.values["archive_mode"]
        settings = {
            name: {"value": value, "file": None, "pending": pending and name == "archive_mode"}
            for name, value in self.values.items()
        }
        return {"data": str(self.data), "config": str(self.conf.parent / "postgresql.conf"), "settings": settings}

    def call(self, verb: str = "perform", *, restart: bool = False) -> Call:
        arguments: dict[str, Any] = {
            "change": "change-1", "service": "pg.service", "port": 5432, "data": str(self.data),
            "settings": SETTINGS, "restart": restart,
        }  # fmt: skip
        return Call("archiving", verb, arguments, {}, {})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(tmp_path)
    monkeypatch.setattr(kept, "FOLDER", str(tmp_path / "arranged"))
    monkeypatch.setattr(archiving, "_asked", server.asked)
    monkeypatch.setattr(archiving, "PATIENCE", 0.6)
    monkeypatch.setattr(archiving.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(services, "systemctl", server.systemctl)
    return server


def test_settings_hold_after_a_reload(server: Server) -> None:
    """Written for the server's own account, and read by it."""
    assert archiving.perform(server.call()) == {"restarted": False}
    assert server.told == ["reload pg.service"]
    assert server.values["archive_command"] == SETTINGS["archive_command"]
    assert archiving.probe(server.call("probe"))["state"] == "done"


def test_a_second_time_nothing_is_done(server: Server) -> None:
    """Not even a reload."""
    archiving.perform(server.call())
    server.told.clear()
    assert archiving.perform(server.call()) == {"restarted": False}
    assert server.told == []


def test_a_restart_comes_only_when_it_was_allowed(server: Server) -> None:
    """And only where archive_mode was off."""
    server.values["archive_mode"] = "off"
    with pytest.raises(ActError, match="after a restart of PostgreSQL only, which was not allowed"):
        archiving.perform(server.call())
    assert "restart pg.service" not in server.told
    assert archiving.perform(server.call(restart=True)) == {"restarted": True}
    assert server.values["archive_mode"] == "on"


def test_a_setting_that_is_overridden_elsewhere_is_named(server: Server) -> None:
    """ALTER SYSTEM wins over conf.d: nobody would notice that nothing is archived."""
    server.overridden = {"archive_command": "true"}
    with pytest.raises(ActError, match="archive_command is 'true'"):
        archiving.perform(server.call())


def test_another_cluster_on_that_port_is_refused(server: Server) -> None:
    """Its WAL would go into a stranger's stanza."""
    call = server.call()
    call.arguments["data"] = "/var/lib/postgresql/17/other"
    with pytest.raises(ActError, match="serves"):
        archiving.perform(call)
    assert server.told == []


def test_what_stood_before_comes_back(server: Server) -> None:
    """With the restart that was allowed, where archive_mode was off."""
    server.values["archive_mode"] = "off"
    archiving.perform(server.call(restart=True))
    server.told.clear()
    server.overridden = {"archive_mode": "off", "archive_command": ""}  # what postgresql.conf says by itself
    assert archiving.restore(server.call("restore", restart=True)) == {"left": []}
    assert not (server.conf / archiving.FILE).exists()
    assert server.told == ["reload pg.service", "restart pg.service"]


def test_the_file_belongs_to_the_server(server: Server) -> None:
    """It must be able to read what it includes."""
    archiving.perform(server.call())
    assert (server.conf / archiving.FILE).stat().st_uid == os.stat(server.data).st_uid
