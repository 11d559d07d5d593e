"""The host's own record, as `host setup` writes it."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from clmdeploy.adapters.playbook_files import playbooks_directory

FRESH: dict[str, Any] = {"format": "host/1", "current": None, "ledger": [], "drained": {}}


@pytest.fixture
def module() -> ModuleType:
    """The Ansible module, imported by its path as Ansible does."""
    path = playbooks_directory() / "library" / "clm_identity.py"
    spec = importlib.util.spec_from_file_location("clm_identity", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (None, FRESH),
        (
            {"machine_id": "old", "environment": "e", "host": "app1", "current": "1.1.0-bb", "ledger": ["1.0.0-aa"]},
            FRESH | {"current": "1.1.0-bb", "ledger": ["1.0.0-aa"]},
        ),
    ],
    ids=["bare host", "new machine-id"],
)
def test_a_new_machine_id_forgets_nothing_that_runs(
    module: ModuleType, record: dict[str, Any] | None, known: dict[str, Any]
) -> None:
    """Else `current` and record would contradict each other, and no deploy or rollback could begin."""
    assert module.known_of(record) == known
