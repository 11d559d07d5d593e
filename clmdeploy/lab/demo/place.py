"""Where the demonstration happens: a lab of its own, replaced each time, with the releases' sources beside it."""

from __future__ import annotations

from pathlib import Path

from clmdeploy.lab import state
from clmdeploy.lab.lab import Lab
from clmdeploy.lab.sample import VERSIONS, write_release
from clmdeploy.model.errors import UsageError

_HOME = "demo"


def standing_demo(name: str) -> bool:
    """Whether the lab `name` stands and is an earlier demonstration's. Raises UsageError when it is anybody else's."""
    found = next((directory for directory in state.standing() if directory.path.name == name), None)
    if found is None:
        return False
    if not (found.path / _HOME).is_dir():
        raise UsageError(
            f"a lab named {name!r} stands, and no demonstration made it: it is left alone",
            f"clmdeploy lab demo --name ANOTHER, or clmdeploy lab down --name {name}",
        )
    return True


def home(lab: Lab) -> Path:
    """The demonstration's own directory; it goes with the lab."""
    return lab.inventories.parent / _HOME


def claim(lab: Lab) -> None:
    """Mark the lab as the demonstration's own."""
    home(lab).mkdir()


def write_sources(lab: Lab) -> dict[str, Path]:
    """Version → source directory of each release of the sample CLM."""
    return {version: write_release(version, home(lab) / "source" / version) for version in VERSIONS}
