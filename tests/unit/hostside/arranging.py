"""A host for tests of the acts that arrange it: a root of its own, and a systemd and an apt that only note."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import arrange, kept, packages, places, services
from clmdeploy.hostside.acts.call import Call, Json

OWNER, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
EMPTY: Json = {"packages": [], "quiet": [], "users": [], "directories": [], "files": [], "run": [], "units": []}


class Host:
    """Everything below `root` is the host's file system; `told` is what systemd and apt were told."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = place / "root"
        (self.root / "etc").mkdir(parents=True)
        self.told: list[str] = []
        self.installed: set[str] = set()
        self.units: dict[str, Json] = {}
        monkeypatch.setattr(places, "ROOT", str(self.root))
        monkeypatch.setattr(kept, "FOLDER", str(place / "arranged"))
        monkeypatch.setattr(packages, "_run", self._apt)
        monkeypatch.setattr(services, "systemctl", self._systemctl)
        monkeypatch.setattr(services, "SETTLE", 0)
        monkeypatch.setattr(arrange, "_run", lambda *command: self.told.append(" ".join(command)))

    def call(
        self, verb: str = "perform", change: str = "change-1", secrets: dict[str, str] | None = None, **wanted: Any
    ) -> Call:
        results = wanted.pop("results", {})
        arguments = {"change": change, "arrangement": {"name": "own", **EMPTY, **wanted}, "results": results}
        return Call("arrange", verb, arguments, {}, secrets or {})

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def unit(self, name: str, **state: str) -> None:
        self.units[name] = {"load": "loaded", "enabled": "disabled", "active": "inactive", "sub": "dead"} | state

    def _apt(self, *command: str, check: bool = True) -> str:  # noqa: ARG002 as the true one
        names = [word for word in command if word in ("restic", "pgbackrest")]
        if command[0] == "dpkg-query":
            return "".join(f"{name} installed 1.0\n" for name in names if name in self.installed)
        if command[0] == "apt-cache":
            return "".join(f"{name}:\n  Installed: (none)\n  Candidate: 1.0\n" for name in names)
        self.told.append(f"apt {' '.join(names) or command[-1]}")
        self.installed |= set(names)
        return ""

    def _systemctl(self, verb: str, *words: str, check: bool = True) -> str:  # noqa: ARG002 as the true one
        if verb == "show":
            state = self.units.get(words[-1], {"load": "not-found", "enabled": "", "active": "inactive", "sub": "dead"})
            return "".join(f"{services._SHOWN[key]}={value}\n" for key, value in state.items())
        self.told.append(" ".join((verb, *words)))
        for name in words:
            unit = self.units.setdefault(
                name, {"load": "loaded", "enabled": "disabled", "active": "inactive", "sub": "dead"}
            )
            unit |= _AFTER.get(verb, {}) | (_AFTER["stop"] if "--now" in words else {})
        return ""


_AFTER = {
    "restart": {"active": "active", "sub": "running"},
    "stop": {"active": "inactive", "sub": "dead"},
    "enable": {"enabled": "enabled"},
    "disable": {"enabled": "disabled"},
    "mask": {"enabled": "masked", "active": "inactive", "sub": "dead"},
    "unmask": {"enabled": "disabled"},
}


def directory(path: str, mode: str = "0750") -> Json:
    return {"path": path, "mode": mode, "owner": OWNER, "group": GROUP}


def file(path: str, *parts: Json, mode: str = "0640") -> Json:
    return {"path": path, "mode": mode, "owner": OWNER, "group": GROUP, "parts": list(parts)}


def text(content: str) -> Json:
    return {"text": content}
