"""Which restore point a rollback would need: only where there is no other way, and the newest that serves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clmdeploy.backups.point import RestorePoint
from clmdeploy.model.facts import FleetFacts, HostFacts, SchemaState
from clmdeploy.model.hosts import Host
from clmdeploy.planners.ways_back import points_needed, ways_back
from clmdeploy.releases.manifest import Manifest
from tests.unit.backups.conftest import BEGIN, make_point


def migration(version: int, revert: Any, oldest: str) -> dict[str, Any]:
    return {
        "version": version, "kind": "contract", "apply": ["bin/up"], "revert": revert, "oldest_compatible_app": oldest
    }  # fmt: skip


def manifest(version: str, needs: int, *migrations: dict[str, Any]) -> Manifest:
    schema = {
        "needs": needs, "group": "worker", "version_command": ["bin/schema"], "migrations": list(migrations),
    }  # fmt: skip
    return Manifest.model_validate(
        {"format": "release/1", "name": "clm", "version": version, "schema": schema,
         "components": [{"name": "web", "group": "app", "units": ["web.service"]}]}
    )  # fmt: skip


FIRST = manifest("1.0.0", 1, migration(1, "irreversible", "1.0.0"))
FINAL = migration(2, "irreversible", "2.0.0")
MILD = migration(2, ["bin/down"], "2.0.0")
OLD, NEW = "1.0.0-aaaaaaaa", "2.0.0-bbbbbbbb"


def fleet(contract: dict[str, Any], standing: int = 2) -> FleetFacts:
    running = manifest("2.0.0", 2, migration(1, "irreversible", "1.0.0"), contract)
    assert running.data_schema is not None
    facts = HostFacts(
        host=Host(name="app1", address="192.0.2.1", groups=("app",)), reachable=True, current=NEW, ledger=(OLD,),
        version="2.0.0", manifest_schema=running.data_schema.model_dump(mode="json"),
        schema_state=SchemaState(version=standing),
    )  # fmt: skip
    return FleetFacts(hosts=(facts,))


def points(*schemas: int | None) -> list[RestorePoint]:
    """Newest first."""
    made = [make_point(BEGIN + timedelta(days=day)) for day in range(len(schemas), 0, -1)]
    return [one.model_copy(update={"schema_version": schema}) for one, schema in zip(made, schemas, strict=True)]


@pytest.mark.parametrize(
    ("contract", "standing", "schemas", "needed"),
    [
        (FINAL, 2, (2, 1, 1), 1),  # the newest from before the migration
        (FINAL, 2, (2, None, 1), 2),  # what does not tell its schema is none
        (FINAL, 2, (2, 2), None),
        (FINAL, 1, (1, 1), None),  # the migration has not run: the way back is open
        (MILD, 2, (2, 1), None),  # it can be reverted
    ],
)
def test_only_what_nothing_else_can_bring_back_is_needed(
    contract: dict[str, Any], standing: int, schemas: tuple[int | None, ...], needed: int | None
) -> None:
    """By what the migrations declare."""
    known = points(*schemas)
    found = points_needed(fleet(contract, standing), {OLD: FIRST}, known)
    assert found == ({} if needed is None else {known[needed].id: OLD})


def test_ways_back_are_those_of_all_hosts() -> None:
    """Their ledgers say what ran there."""
    assert ways_back(fleet(FINAL)) == [OLD]
