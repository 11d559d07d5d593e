"""A bucket in a directory: what the contract suite can't see from outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clmdeploy.adapters.directory import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "copy")
    for key in ("lab/changes/c1/events/000000", "lab/changes/c1/plan", "lab/changes/c2/plan", "lab/journal/head"):
        store.put(key, b"x")
    return store


def test_one_change_is_found_without_looking_at_the_others(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the journal grows for years: what is asked for below a prefix costs what is there."""
    looked_at: list[Path] = []
    scan = os.scandir

    def noting(path: Path) -> object:
        looked_at.append(Path(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", noting)
    assert list(store.keys("lab/changes/c1/")) == ["lab/changes/c1/events/000000", "lab/changes/c1/plan"]
    change = store.root / "lab" / "changes" / "c1"
    assert looked_at
    assert all(path.is_relative_to(change) for path in looked_at)


@pytest.mark.parametrize("prefix", ["lab/changes/c1", "lab/changes/c", "lab/", "l", ""])
def test_a_prefix_may_end_within_a_name(store: DirectoryStore, prefix: str) -> None:
    """As in a bucket."""
    found = list(store.keys(prefix))
    assert found == [key for key in store.keys("") if key.startswith(prefix)]
    assert "lab/changes/c1/plan" in found


@pytest.mark.parametrize("prefix", ["../", "lab/../", "/", "/etc/", ".hidden/", "lab/nothing/"])
def test_nothing_is_found_outside(store: DirectoryStore, prefix: str) -> None:
    """A prefix never leads out of the directory."""
    (store.root.parent / "beside").write_text("x")
    assert list(store.keys(prefix)) == []
