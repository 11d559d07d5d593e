"""What differs between two releases."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clmdeploy.releases.diff import FieldChange, FileChange, diff, render
from clmdeploy.releases.manifest import BundleEntry, FileEntry, Manifest, Release

MIGRATION = {"version": 1, "kind": "expand", "apply": ["m"], "revert": ["m"], "oldest_compatible_app": "1.0.0"}
SCHEMA = {"needs": 1, "group": "db", "version_command": ["m"], "migrations": [MIGRATION]}
FILES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), max_size=6)


def _release(version: str, files: dict[str, int], **manifest: Any) -> Release:
    document = {
        "format": "release/1",
        "name": "clm",
        "version": version,
        "components": [{"name": "web", "group": "app"}],
    }
    entries = tuple(
        FileEntry(path=path, mode=0o644, size=size, sha256=f"{size:064x}") for path, size in sorted(files.items())
    )
    packed = BundleEntry(sha256="0" * 64, size=0, unpacked=sum(files.values()))
    return Release(manifest=Manifest.model_validate(document | manifest), bundle=packed, files=entries)


def _web(**changes: Any) -> dict[str, Any]:
    return {"components": [{"name": "web", "group": "app"} | changes]}


def test_tells_files_units_migrations_and_requirements() -> None:
    """Everything that changes on hosts or in the contract with them, as a value and as text."""
    old = _release("1.0.0", {"gone": 3, "same": 1, "grown": 1}, **_web(units=["old.service"]))
    new = _release(
        "1.1.0", {"same": 1, "grown": 2, "new": 5}, **_web(units=["new.service"]), schema=SCHEMA, requires={"memory": 1}
    )
    changes = diff(old, new)
    assert changes.files == (
        FileChange(path="gone", old_size=3, new_size=None),
        FileChange(path="grown", old_size=1, new_size=2),
        FileChange(path="new", old_size=None, new_size=5),
    )
    assert (changes.units_added, changes.units_removed) == (("new.service",), ("old.service",))
    assert [migration.version for migration in changes.migrations_added] == [1]
    assert FieldChange(key="requires.memory", old=0, new=1) in changes.fields
    assert render(changes).splitlines() == [
        "1.0.0 → 1.1.0",
        "- gone (3 bytes)",
        "~ grown (1 → 2 bytes)",
        "+ new (5 bytes)",
        "+ unit new.service",
        "- unit old.service",
        "+ migration 1 (expand)",
        "~ requires.memory: 0 → 1",
        "~ schema.group: None → db",
        "~ schema.needs: None → 1",
        "~ schema.version_command: None → ['m']",
    ]


def test_a_changed_hook_is_told_by_its_component() -> None:
    """Key paths name the component, not its place in a list; terminals are safe from what hooks hold."""
    old, new = _release("1.0.0", {}), _release("1.1.0", {}, **_web(after_start=["bin/x", "\x1b[2J"]))
    (change,) = diff(old, new).fields
    assert change.key == "components.web.after_start"
    assert render(diff(old, new)).replace("\n", "").isprintable()


def test_only_notes_and_version_differ() -> None:
    """A release that puts the same onto the hosts says so."""
    changes = diff(_release("1.0.0", {"a": 1}), _release("1.1.0", {"a": 1}, notes={"ru": "текст"}))
    assert changes.empty
    assert "put the same" in render(changes)


def test_thousands_of_files_are_counted() -> None:
    """Text names the first two hundred files and counts the rest; the value has all of them."""
    changes = diff(_release("1.0.0", {}), _release("1.1.0", {f"f{n:04}": 1 for n in range(300)}))
    assert len(changes.files) == 300
    assert "  and 100 more files" in render(changes).splitlines()


@given(FILES, FILES)
def test_going_back_is_the_same_difference_the_other_way(before: dict[str, int], after: dict[str, int]) -> None:
    """Added and removed change places; a release does not differ from itself."""
    old, new = _release("1.0.0", before), _release("2.0.0", after)
    forth, back = diff(old, new).files, diff(new, old).files
    assert [(c.path, c.old_size, c.new_size) for c in forth] == [(c.path, c.new_size, c.old_size) for c in back]
    assert {change.path for change in forth} == {path for path in "abcdef" if before.get(path) != after.get(path)}
    assert diff(old, old).empty
