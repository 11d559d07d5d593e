"""A desk for the commands that change something."""

from __future__ import annotations

from pathlib import Path

import pytest

from clmdeploy.runtime import Runtime
from tests.unit.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """1.0.0 runs everywhere; 1.1.0 and 1.2.0 are published and change no schema."""
    for name in ("CLM_INVENTORIES", "CLM_ENVIRONMENT", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    made = Desk(tmp_path, capsys)
    monkeypatch.setattr(Runtime, "of", classmethod(lambda _cls, _inventories, _name: made.runtime()))
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        made.publish(version)
    made.install("1.0.0")
    return made
