"""Facts and wishes for planners, in few words."""

from __future__ import annotations

from typing import Any

from clmdeploy.config.settings import Environment
from clmdeploy.model.facts import FleetFacts, HostFacts, SchemaState, ServerFacts
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import sha256_hex
from clmdeploy.planners.wish import Target, Wish
from clmdeploy.releases.manifest import BundleEntry, FileEntry, Manifest, Release

NOW = 1_000_000.0
SETTINGS: dict[str, Any] = {  # Any: as it comes from YAML
    "format": "environment/1", "name": "test", "uuid": "5f0c5a52-8f0e-4c55-9d8a-2f6a3c1f7b10", "application": "clm",
    "storage": {
        "endpoint": "https://s3.example.ru", "state_bucket": "clm-state", "release_bucket": "clm-releases",
        "access_key": {"env": "A"}, "secret_key": {"env": "B"},
    },
    "balancer": {"backends": {"app": "clm_web"}},
}  # fmt: skip


def migration(
    version: int, kind: str = "expand", oldest: str = "1.0.0", revert: Any = "irreversible"
) -> dict[str, Any]:
    """One entry of a manifest's schema.migrations."""
    return {"version": version, "kind": kind, "apply": ["up"], "revert": revert, "oldest_compatible_app": oldest}


def release(
    version: str, *, needs: int = 0, migrations: list[dict[str, Any]] | None = None, **manifest: Any
) -> Release:
    """A release with a web component on `app` and a worker on `worker`."""
    schema = {"needs": needs, "group": "worker", "version_command": ["v"], "migrations": migrations or []}
    document = {
        "format": "release/1", "name": "clm", "version": version,
        "components": [{"name": "web", "group": "app"}, {"name": "worker", "group": "worker"}],
        "schema": schema if needs or migrations else None, **manifest,
    }  # fmt: skip
    digest = sha256_hex(version.encode())
    return Release(
        manifest=Manifest.model_validate(document), bundle=BundleEntry(sha256=digest, size=10, unpacked=20),
        files=(FileEntry(path="release.yml", mode=0o644, size=20, sha256="0" * 64),),
    )  # fmt: skip


def host(name: str, group: str, runs: Release | None = None, **facts: Any) -> HostFacts:
    """A healthy host that runs `runs`."""
    known: dict[str, Any] = {
        "host": Host(name=name, address="192.0.2.1", groups=(group,)), "reachable": True, "clock": NOW,
        "disk_free": 10**12, "memory": 10**10, "os": "debian-13", "python": "3.13.5",
    }  # fmt: skip
    if runs is not None:
        schema = runs.manifest.data_schema
        known |= {"current": runs.directory, "recorded": runs.directory, "staged": (runs.directory,),
                  "version": str(runs.version),
                  "manifest_schema": schema.model_dump(mode="json") if schema else None}  # fmt: skip
    return HostFacts(**(known | facts))


def fleet(
    runs: Release | None = None, *, apps: int = 3, schema: int | None = None, dirty: bool = False, **facts: Any
) -> FleetFacts:
    """`apps` application hosts behind lb1, and a worker that knows the schema."""
    state = SchemaState(version=schema, dirty=dirty) if schema is not None else None
    names = [f"app{number}" for number in range(1, apps + 1)]
    hosts = [
        *(host(name, "app", runs, **facts) for name in names),
        host("worker1", "worker", runs, schema_state=state, **facts),
    ]
    lb1 = HostFacts(host=Host(name="lb1", address="192.0.2.2", groups=("lb",)), reachable=True)
    servers = tuple(
        ServerFacts(balancer="lb1", backend="clm_web", server=name, state="ready", status="UP") for name in names
    )
    return FleetFacts(hosts=(*hosts, lb1), servers=servers)


def wish(target: Release, found: FleetFacts, rollout: dict[str, Any] | None = None, **more: Any) -> Wish:
    """Wanting `target` on `found`."""
    settings = Environment.model_validate(SETTINGS | ({"rollout": rollout} if rollout else {}))
    where = Target(release=target, bundle_key="b", release_key="r", release_sha256="d", release_size=1)
    return Wish(settings=settings, fleet=found, target=where, inputs={"settings": "s"}, **more)
