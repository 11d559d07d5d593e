"""An environment on disk that passes every check, for tests to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from clmdeploy.config.loading import examine

_STAGING = Path(__file__).parents[3] / "inventories" / "staging"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the staging example, which a test may edit."""
    return Path(shutil.copytree(_STAGING, tmp_path / "inventories" / "staging"))


@pytest.fixture
def edit(directory: Path) -> Callable[[str, str, str], None]:
    """Replaces text in one file of the environment; the text must be there."""

    def replace(name: str, old: str, new: str) -> None:
        text = (directory / name).read_text()
        assert old in text
        (directory / name).write_text(text.replace(old, new))

    return replace


@pytest.fixture
def faults(directory: Path) -> Callable[[], list[str]]:
    """The faults of the environment as it stands now, with file names only."""

    def examined() -> list[str]:
        return [str(fault).replace(f"{directory}/", "") for fault in examine(directory).faults]

    return examined
