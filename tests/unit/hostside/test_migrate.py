"""Migrations on a host: the schema's own hook has the last word, before and after."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

import pytest

from clmdeploy.hostside.acts import migrate
from clmdeploy.hostside.acts.call import ActError, Call


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A schema in memory with migrations 1, 2 and 4; `breaks` names one that fails half-way."""
    state: dict[str, Any] = {"version": 2, "dirty": False, "breaks": None, "known": [0, 1, 2, 4]}

    def one(_arguments: object, version: int, direction: str) -> None:
        if state["breaks"] == (version, direction):
            state["dirty"] = True
            raise ActError(f"migration {version} ({direction}): boom")
        below = max(known for known in state["known"] if known < version)
        state.update(version=version if direction == "apply" else below, dirty=False)

    monkeypatch.setattr(migrate, "_one", one)
    monkeypatch.setattr(migrate, "_standing", lambda _arguments: {key: state[key] for key in ("version", "dirty")})
    return state


def call(direction: str, versions: list[int], before: int | None = None, expect: int | None = None) -> Call:
    arguments = {"versions": versions, "direction": direction, "expect": expect, "timeout": 1}
    return Call("migrate", "perform", arguments, {"version": before}, {})


@pytest.mark.usefixtures("schema")
def test_a_migration_is_applied_once() -> None:
    """A second time there is nothing to do."""
    assert migrate.perform(call("apply", [4], expect=2)) == {"schema": 4, "applied": [4]}
    assert migrate.perform(call("apply", [4], expect=2)) == {"schema": 4, "applied": []}


@pytest.mark.parametrize(("minutes", "done"), [(59, True), (61, False)])
def test_a_migration_rests_on_a_point_of_now(schema: dict[str, Any], minutes: int, done: bool) -> None:
    """A change that waited behind its point does not touch the schema: what was written since would be in none."""
    made = {"point": "20260105-120000000-aaaa01", "completed": time.time() - 60 * minutes}
    asked = call("apply", [4], expect=2)
    asked.arguments["results"] = {"point-1-publish": {"backup1": made}}
    with nullcontext() if done else pytest.raises(ActError, match=r"20260105-120000000-aaaa01 is 1.0 h old"):
        migrate.perform(asked)
    assert schema["version"] == (4 if done else 2)


@pytest.mark.parametrize("standing", [{"version": 4, "dirty": False}, {"version": 3, "dirty": True}])
def test_what_has_begun_is_not_asked_how_old_its_point_is(schema: dict[str, Any], standing: dict[str, Any]) -> None:
    """Else a migration that ended half-way could never be ended: not even where somebody has mended it since."""
    schema.update(standing)
    asked = call("apply", [3, 4], expect=2)
    asked.arguments["results"] = {"point-1-publish": {"backup1": {"point": "p", "completed": 0.0}}}
    with pytest.raises(ActError, match="dirty") if standing["dirty"] else nullcontext():
        migrate.perform(asked)


def test_a_schema_that_is_elsewhere_is_left_alone(schema: dict[str, Any]) -> None:
    """The plan was made for another one."""
    schema["version"] = 1
    with pytest.raises(ActError, match="plan again"):
        migrate.perform(call("apply", [4], expect=2))
    assert schema["version"] == 1


def test_a_half_done_migration_is_taken_back(schema: dict[str, Any]) -> None:
    """Dirty in between, clean at the version before afterwards."""
    schema["breaks"] = (4, "apply")
    with pytest.raises(ActError, match="boom"):
        migrate.perform(call("apply", [4], expect=2))
    schema["version"] = 2
    assert migrate.restore(call("apply", [4], before=2)) == {"schema": 2, "reverted": [4]}
    assert not schema["dirty"]


def test_a_revert_goes_over_a_gap_in_the_numbers(schema: dict[str, Any]) -> None:
    """From 4 back to 2: there never was a 3."""
    schema["version"] = 4
    assert migrate.perform(call("revert", [4])) == {"schema": 2, "reverted": [4]}


def test_nothing_is_applied_to_a_dirty_schema(schema: dict[str, Any]) -> None:
    """Somebody has to settle that first."""
    schema["dirty"] = True
    with pytest.raises(ActError, match="half-way"):
        migrate.perform(call("apply", [4], expect=2))


@pytest.mark.parametrize(
    ("version", "dirty", "state"), [(4, False, "done"), (2, False, "not-done"), (2, True, "partial")]
)
def test_the_probe_tells_what_the_schema_says(schema: dict[str, Any], version: int, dirty: bool, state: str) -> None:
    """After a lost answer this decides."""
    schema.update(version=version, dirty=dirty)
    assert migrate.probe(call("apply", [4])) == {"state": state}
