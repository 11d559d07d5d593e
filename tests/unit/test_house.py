"""The house keeps its shape: arrows between rooms, sizes, names."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "clmdeploy").rglob("*.py"))
LONGEST_FUNCTION = 40
DRAWERS = {"utils", "helpers", "common", "misc", "util", "helper"}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines of every function of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_imports_follow_the_arrows() -> None:
    """Face → queries, planners → changes → adapters; the contracts stand in pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "clmdeploy")))
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    """What is longer does more than one thing."""
    assert [name for name, length in functions(path) if length > LONGEST_FUNCTION] == []


def test_there_are_no_drawers() -> None:
    """A module is named for what it is about."""
    assert [path for path in MODULES if path.stem in DRAWERS] == []


def test_playbooks_hold_roles_only_and_stay_short() -> None:
    """What a playbook does stands in its roles."""
    for path in (ROOT / "playbooks").glob("*.yml"):
        text = path.read_text()
        assert len(text.splitlines()) <= 80
        tasks = [task for play in yaml.safe_load(text) for task in play.get("tasks", [])]
        assert not [task for task in tasks if "ansible.builtin.import_role" not in task]
