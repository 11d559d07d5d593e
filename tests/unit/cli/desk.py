"""An administrator's desk without hosts: the real command line, planners and core on hosts and buckets in memory."""

from __future__ import annotations

import io
import json
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.adapters.memory_hosts import MemoryHost, MemoryHosts
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.lease import Leases
from clmdeploy.cli import main
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue, sha256_hex
from clmdeploy.releases.bundle import build
from clmdeploy.runtime import Runtime

SETTINGS: dict[str, Any] = {  # Any: as it comes from YAML
    "format": "environment/1", "name": "lab", "uuid": "5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10", "application": "clm",
    "storage": {
        "endpoint": "https://s3.example.ru", "state_bucket": "clm-state", "release_bucket": "clm-releases",
        "access_key": {"env": "A"}, "secret_key": {"env": "B"},
    },
    "trust": {"principal": "admin@lab", "signing_key": {"file": "key"}},
    "balancer": {"backends": {"app": "clm_web"}},
    "rollout": {"canary": 1, "batch": 1, "soak": 0},
}  # fmt: skip
GROUPS = {"lb1": "lb", "worker1": "worker", "app1": "app", "app2": "app", "app3": "app"}
MANIFEST = """\
format: release/1
name: clm
version: {version}
components:
  - {{name: web, group: app, units: [web.service]}}
  - {{name: worker, group: worker}}
{schema}
"""
SCHEMA = """\
schema:
  needs: {needs}
  group: worker
  version_command: [bin/schema, version]
  migrations:
{migrations}
"""
MIGRATION = (
    "    - {{version: {version}, kind: {kind}, apply: [bin/schema, up], revert: {revert}, "
    "oldest_compatible_app: {oldest}}}\n"
)


class Clock:
    """Every look at the wall clock is a second after the one before: nothing happens at once. Waits are free."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return datetime(2026, 7, 1, 9, 0, tzinfo=UTC) + timedelta(seconds=self.looks)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += max(seconds, 0.01)


@dataclass(frozen=True)
class DigestSigner:
    """Signs with a digest: enough to tell an edit, and no key to keep. Whom it does not know, it does not trust."""

    principal: str = "admin@lab"
    trusted: tuple[str, ...] = ("admin@lab", "second@lab", "third@lab")

    def sign(self, namespace: str, data: bytes) -> bytes:
        return f"{namespace}:{self.principal}:{sha256_hex(data)}".encode()

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        for principal in self.trusted:
            if signature == DigestSigner(principal).sign(namespace, data):
                return principal
        raise InvalidInput(f"bad signature in namespace {namespace}")


class Fleet(MemoryHosts):
    """Hosts in memory that also answer what queries ask: facts, and the balancer's view."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.manifests: dict[str, dict[str, JsonValue]] = {}
        self.records: dict[str, tuple[bytes, bytes]] = {}
        """release directory → record and signature, as a host keeps them"""
        self.asked = 0
        self.silent: set[str] = set()

    def _one(self, act: Guarded) -> Outcome:
        self.asked += 1
        if act.host.name in self.silent:
            return Outcome(status="unreachable", message=f"{act.host.name}: no route to host", acted=False)
        return super()._one(act)

    def close(self) -> None:
        """Nothing is open."""

    def _facts_ask(self, host: MemoryHost, act: Guarded) -> Outcome:
        drained = {f"clm_web/{name}": "c0" for name, state in host.servers.items() if state == "drain"}
        answer: dict[str, JsonValue] = {
            "record": {"current": host.current, "ledger": host.ledger, "drained": drained},
            "current": host.current, "staged": sorted(host.staged), "disk_free": 10**12, "inodes_free": 10**7,
            "memory": 10**10, "os": "debian-13", "python": "3.13.5", "clock": self.clock.now().timestamp(),
            "tokens": dict(host.tokens), "claim": host.claim, "acting": [],
        }  # fmt: skip
        if host.current:
            answer["manifest"] = self.manifests[host.current]
            if answer["manifest"]["schema"] and "worker" in act.arguments["groups"]:
                answer["schema"] = dict(self.schema)
            if act.arguments["probe"]:
                service = {"component": "web", "units": {"web.service": "active"}, "healthy": True}
                answer["services"] = [service | {"version": answer["manifest"]["version"]}]
        return Outcome(status="done", result=answer)

    def _releases_ask(self, host: MemoryHost, act: Guarded) -> Outcome:
        found = {
            name: {"record": b64encode(zlib.compress(document)).decode(), "signature": signature.decode()}
            for name, (document, signature) in self.records.items()
            if name in host.staged and name.rpartition("-")[0] == act.arguments["version"]
        }
        return Outcome(status="done", result={"releases": found})

    def _balance_ask(self, host: MemoryHost, act: Guarded) -> Outcome:
        servers = {
            f"{one['backend']}/{one['server']}": {
                "state": host.servers.get(one["server"], "ready"),
                "status": "UP",
                "holder": "c0" if host.servers.get(one["server"]) == "drain" else "",
            }
            for one in act.arguments["servers"]
        }
        return Outcome(status="done", result={"servers": servers})


@dataclass
class Said:
    """What a command line printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything else there fails."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout; anything else there fails."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Desk:
    """One environment `lab`: app1..app3 behind lb1, worker1; buckets in memory."""

    place: Path
    capsys: Any  # Any: pytest's capture fixture
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    state: MemoryStore = field(default_factory=MemoryStore)
    releases: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    hosts: Fleet = field(init=False)
    signer: DigestSigner = field(default_factory=DigestSigner)
    directories: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=lambda: dict(GROUPS))
    """host → its group"""

    def __post_init__(self) -> None:
        self.hosts = Fleet(self.clock)

    def runtime(self) -> Runtime:
        """A runtime whose every port is in memory."""
        settings = Environment.model_validate(self.settings)
        inventory = tuple(Host(name=name, address="192.0.2.1", groups=(group,)) for name, group in self.groups.items())
        made = Runtime(LoadedEnvironment(self.place, settings, inventory, {}))
        vars(made).update(
            clock=self.clock, state=self.state, releases=self.releases, hosts=self.hosts, playbooks=self.hosts,
            own_directory=self.place / "own", signer=self.signer, verifier=self.signer,
            leases=Leases(self.state, settings.name, self.clock, 600),
        )  # fmt: skip
        return made

    def publish(self, version: str, migrations: tuple[tuple[int, str, str, str], ...] = (), needs: int = 0) -> str:
        """Publish a release; `migrations`: version, kind, revert, oldest compatible release. Its directory's name."""
        source = self.place / f"source-{version}"
        for name in ("units/web.service", "bin/schema"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text("text\n")
            (source / name).chmod(0o755 if name.startswith("bin") else 0o644)
        told = "".join(
            MIGRATION.format(version=number, kind=kind, revert=revert, oldest=oldest)
            for number, kind, revert, oldest in migrations
        )
        schema = SCHEMA.format(needs=needs, migrations=told) if migrations else ""
        (source / "release.yml").write_text(MANIFEST.format(version=version, schema=schema))
        built = build(source, self.place / "out")
        self.runtime().catalogue.publish(built, self.signer.sign("clmdeploy.release", built.document))
        directory, data_schema = built.release.directory, built.release.manifest.data_schema
        self.hosts.manifests[directory] = {
            "name": "clm", "version": version, "schema": data_schema.model_dump(mode="json") if data_schema else None,
        }  # fmt: skip
        self.directories[version] = directory
        self.hosts.records[directory] = (built.document, self.signer.sign("clmdeploy.release", built.document))
        return directory

    def install(self, version: str) -> None:
        """Let every host run `version` already."""
        for name in ("app1", "app2", "app3", "worker1"):
            host = self.hosts.host(name)
            host.current = self.directories[version]
            host.staged.add(host.current)

    def sit_down(self, principal: str) -> None:
        """Somebody else works here from now on, with a key of their own."""
        self.settings = {**self.settings, "trust": {**self.settings["trust"], "principal": principal}}
        self.signer = DigestSigner(principal)

    @property
    def runs(self) -> dict[str, str]:
        """Host → version, as the hosts have it."""
        names = {directory: version for version, directory in self.directories.items()}
        return {name: names.get(host.current or "", "") for name, host in self.hosts.hosts.items() if name != "lb1"}

    def newest(self) -> str:
        """ID of the newest change."""
        return self.runtime().journal.newest_change() or ""

    def fail(self, act: str, host: str, message: str = "it broke", verb: str = "perform") -> None:
        """From now on `act` fails on `host`."""
        before = self.hosts.before

        def broken(one: Guarded) -> Outcome | None:
            if one.guard == "run" and (one.act, one.verb, one.host.name) == (act, verb, host):
                return Outcome(status="failed", message=message)
            return before(one)

        self.hosts.before = broken

    def __call__(self, *words: str) -> Said:
        """Run one command line."""
        self.capsys.readouterr()
        code = main.run(words)
        out, err = self.capsys.readouterr()
        return Said(code, out, err)


class Terminal(io.StringIO):
    """Standard input that a person types on."""

    def isatty(self) -> bool:
        return True
