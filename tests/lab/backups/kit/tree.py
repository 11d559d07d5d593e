"""Trees of odd files on a host: made from a seed, digested by a program of their own, compared in words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clmdeploy.lab.host import LabHost

_PROGRAMS = Path(__file__).with_name("on_host")
_LIMIT = 1200  # seconds for one program
Run = Callable[[str, list[str]], str]
"""runs a Python program's text with arguments as root somewhere, and returns what it printed"""
Digest = Mapping[str, Mapping[str, Any]]  # Any: JSON
"""name in the tree (surrogates for bytes that are not UTF-8) → what is there"""


@dataclass(frozen=True)
class TreeSize:
    """How much is made beside one of everything odd."""

    small: int = 5000
    big: int = 2
    big_bytes: int = 100_000_000
    seed: int = 1


CI_TREE = TreeSize()
FULL_TREE = TreeSize(big=9)
TINY_TREE = TreeSize(small=20, big=1, big_bytes=3_000_000)


def on(host: LabHost) -> Run:
    """Programs run on a host of the lab."""
    return lambda program, words: host.run(["python3", "-I", "-", *words], input=program, timeout=_LIMIT).stdout


def here(program: str, words: list[str]) -> str:
    """Programs run on this machine."""
    argv = [sys.executable, "-I", "-", *words]
    return subprocess.run(argv, input=program, text=True, capture_output=True, check=True, timeout=_LIMIT).stdout


def make_tree(run: Run, directory: str, size: TreeSize = CI_TREE) -> None:
    """Make the tree; `directory` must not be there yet."""
    run(_program("make_tree"), [directory, json.dumps(asdict(size))])


def change_tree(run: Run, directory: str, share: float, *, scattered: bool, seed: int = 1) -> None:
    """Change that share of the big files' blocks (8 KiB), in one place or all over."""
    how = {"share": share, "scattered": scattered, "seed": seed}
    run(_program("change_tree"), [directory, json.dumps(how)])


def storm(run: Run, directory: str, seed: int = 1) -> None:
    """Wreck a fifth of the tree's entries, each in another way; nothing of it need be missing."""
    run(_program("storm"), [directory, str(seed)])


def digest_tree(run: Run, directory: str) -> Digest:
    """All that a restore must bring back. Access and change times, and where holes are, are not in it."""
    entries = map(json.loads, run(_program("digest_tree"), [directory]).splitlines())
    return {entry.pop("name"): entry for entry in entries}


def tree_differences(before: Digest, after: Digest) -> list[str]:
    """What is not as it was, a sentence each; empty when nothing is."""
    return [
        *(f"{name!r} is gone" for name in before if name not in after),
        *(f"{name!r} was not there" for name in after if name not in before),
        *(words for name in before if name in after for words in _changes(name, before[name], after[name])),
    ]


def _changes(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for what in sorted(before.keys() | after.keys()):
        was, now = before.get(what), after.get(what)
        if was == now:
            continue
        if what == "sha256":
            yield f"{name!r}: its content is another"
        elif what == "same as":
            yield f"{name!r}: was one file with {was!r}, is one with {now!r}"
        else:
            yield f"{name!r}: {what} was {was!r}, is {now!r}"


def _program(name: str) -> str:
    return (_PROGRAMS / f"{name}.py").read_text()
