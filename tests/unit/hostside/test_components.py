"""What is stopped on purpose stays stopped, whoever would start it, until somebody lets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import components, record, stopped, switch, units
from clmdeploy.hostside.acts.call import ActError, Call
from clmdeploy.hostside.acts.layout import MARK

RUNS = "1.0.0-aaaaaaaa"


class Host:
    """An install root with a web service and a worker, and a systemctl that keeps what it is told."""

    def __init__(self, place: Path) -> None:
        self.root, self.links, self.told = place / "opt", place / "systemd", list[str]()
        self.running = {"web.service", "worker.service"}
        self.links.mkdir()
        self.release(RUNS, sends="worker")

    def release(self, directory: str, sends: str = "", worker: str = "worker") -> None:
        made = [
            {"name": name, "group": "all", "units": [f"{name}.service"], "before_stop": [], "after_start": [],
             "health": [], "version_url": None, "user": None, "sends": name == sends}
            for name in ("web", worker)
        ]  # fmt: skip
        place = self.root / "releases" / directory
        (place / "units").mkdir(parents=True)
        for name in ("web", worker):
            (place / "units" / f"{name}.service").write_text("[Service]\n")
        (place / MARK).write_text(
            json.dumps({"manifest": {"components": made, "environment_files": [], "version": "1"}})
        )
        if not (self.root / "current").is_symlink():
            (self.root / "current").symlink_to(f"releases/{directory}")

    def systemctl(self, verb: str, *words: str, check: bool = True) -> str:
        names = [word for word in words if word.endswith(".service")]
        self.told += [f"{verb} {name}" for name in names if verb in ("start", "stop")]
        for name in names:
            if verb == "start":
                if check and (self.links / f"{name}.d").exists():
                    raise ActError(f"Assertion failed on job for {name}")
                self.running.add(name)
            elif verb == "stop":
                self.running.discard(name)
        return "active" if verb == "is-active" and names[0] in self.running else "inactive"

    def call(self, verb: str, state: str, which: str = "all", **more: Any) -> dict[str, Any]:
        arguments = {
            "root": str(self.root), "user": "clm", "groups": ["all"], "which": which, "state": state,
            "change": "a-change", "patience": None, **more.pop("arguments", {}),
        }  # fmt: skip
        act = Call(act="components", verb=verb, arguments=arguments, before=more.get("before", {}), secrets={})
        return dict(getattr(components, verb)(act))

    @property
    def kept(self) -> set[str]:
        return {file.parent.name.removesuffix(".service.d") for file in self.links.glob("*/clmdeploy-stopped.conf")}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path)
    monkeypatch.setattr(units, "LINKS", str(host.links))
    monkeypatch.setattr(units, "_systemctl", host.systemctl)
    monkeypatch.setattr(stopped, "PATH", str(tmp_path / "stopped.json"))
    monkeypatch.setattr(record, "read", lambda: {"current": RUNS})
    return host


def test_all_is_stopped_and_nobody_starts_it(host: Host) -> None:
    """Neither a boot nor a person nor a deploy: systemd itself refuses."""
    host.call("perform", "stopped")
    assert host.running == set()
    assert host.kept == {"web", "worker"}
    assert stopped.kept() == {"web": "a-change", "worker": "a-change"}
    with pytest.raises(ActError, match="Assertion failed"):
        host.systemctl("start", "worker.service")
    assert host.call("probe", "stopped") == {"state": "done"}


def test_who_sends_is_left_stopped_when_the_others_start(host: Host) -> None:
    """It starts by its own command, and nothing is left of the assertion then."""
    host.call("perform", "stopped")
    host.call("perform", "running", "others")
    assert (host.running, host.kept, stopped.kept()) == ({"web.service"}, {"worker"}, {"worker": "a-change"})
    host.call("perform", "running", "senders")
    assert host.running == {"web.service", "worker.service"}
    assert host.kept == set()
    assert list(host.links.iterdir()) == []


def test_taking_the_stop_back_starts_what_ran(host: Host) -> None:
    """What an earlier restore had left stopped is left so."""
    host.call("perform", "stopped")
    host.call("restore", "stopped", before={"running": ["web", "worker"], "kept": ["worker"]})
    assert (host.running, host.kept) == ({"web.service"}, {"worker"})


@pytest.mark.parametrize(
    ("results", "starts"),
    [
        ({"compare": {"worker1": {"checked": 3, "problems": 0}}}, True),
        ({"compare": {}}, False),
        ({}, False),
    ],
)
def test_nobody_sends_upon_rows_and_files_that_were_not_found_to_agree(
    host: Host, results: dict[str, Any], starts: bool
) -> None:
    """A comparison that failed has no result."""
    host.call("perform", "stopped")
    told = {"check": "compare", "results": results}
    if starts:
        host.call("perform", "running", "senders", arguments=told)
    else:
        with pytest.raises(ActError, match="do not agree"):
            host.call("perform", "running", "senders", arguments=told)
    assert ("worker.service" in host.running) == starts


@pytest.mark.parametrize("worker", ["worker", "sender"])
def test_another_release_does_not_start_what_is_kept_stopped(host: Host, worker: str) -> None:
    """Not even where it gave the component another name."""
    host.release("2.0.0-bbbbbbbb", worker=worker)
    host.call("perform", "stopped")
    host.told.clear()
    switch._let_run(
        {"root": str(host.root), "groups": ["all"], "user": "clm"}, RUNS, "2.0.0-bbbbbbbb", switch.run_component_hook
    )
    assert not [told for told in host.told if told.startswith("start")]
    assert worker in host.kept
