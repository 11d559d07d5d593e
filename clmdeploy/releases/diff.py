"""What differs between two releases: files, units, migrations, requirements. A value, and its rendering as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue, Value
from clmdeploy.model.version import Version
from clmdeploy.releases.manifest import FileEntry, Manifest, Migration, Release

_MOST_LINES = 200  # files told by name; the rest are counted


class FileChange(Value):
    """One path; a side is None where the path does not exist. Sizes in bytes."""

    path: str
    old_size: int | None
    new_size: int | None


class FieldChange(Value):
    """One key path of the manifest; a side is null where it is not set."""

    key: str
    old: JsonValue
    new: JsonValue


class ReleaseDiff(Value):
    """From `old` to `new`; everything in rising order."""

    old: Version
    new: Version
    files: tuple[FileChange, ...]
    units_added: tuple[str, ...]
    units_removed: tuple[str, ...]
    migrations_added: tuple[Migration, ...]
    migrations_removed: tuple[Migration, ...]
    fields: tuple[FieldChange, ...]

    @property
    def empty(self) -> bool:
        """Whether the two releases would put the same onto the hosts."""
        return not (self.files or self.units_added or self.units_removed or self.migrations_added
                    or self.migrations_removed or self.fields)  # fmt: skip


def diff(old: Release, new: Release) -> ReleaseDiff:
    """What changes on the hosts and in the contract with them when `new` follows `old`."""
    before, after = old.manifest, new.manifest
    return ReleaseDiff(
        old=old.version,
        new=new.version,
        files=tuple(_file_changes(old.files, new.files)),
        units_added=tuple(sorted(_units(after) - _units(before))),
        units_removed=tuple(sorted(_units(before) - _units(after))),
        migrations_added=tuple(one for one in _migrations(after) if one not in _migrations(before)),
        migrations_removed=tuple(one for one in _migrations(before) if one not in _migrations(after)),
        fields=tuple(_field_changes(_contract(before), _contract(after))),
    )


def render(changes: ReleaseDiff) -> str:
    """The difference as text, one line a change: `+` added, `-` removed, `~` changed."""
    if changes.empty:
        return f"{changes.old} and {changes.new} put the same onto the hosts\n"
    return "\n".join([f"{changes.old} → {changes.new}", *_file_lines(changes.files), *_other_lines(changes)]) + "\n"


def _file_changes(old: Iterable[FileEntry], new: Iterable[FileEntry]) -> Iterator[FileChange]:
    before, after = ({entry.path: entry for entry in files} for files in (old, new))
    for path in sorted(before.keys() | after.keys()):
        was, becomes = before.get(path), after.get(path)
        if was != becomes:
            yield FileChange(path=path, old_size=was and was.size, new_size=becomes and becomes.size)


def _field_changes(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> Iterator[FieldChange]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield FieldChange(key=key, old=old.get(key), new=new.get(key))


def _contract(manifest: Manifest) -> dict[str, JsonValue]:
    """The manifest without what is told otherwise (version, notes, units, migrations), as key path and value."""
    document = manifest.model_dump(mode="json")
    for told in ("version", "notes", "format"):
        del document[told]
    document["components"] = {part["name"]: part | {"units": None} for part in document["components"]}
    document["schema"] = (document["schema"] or {}) | {"migrations": None}
    return dict(_flat("", document))


def _flat(prefix: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else key, inner)
    else:
        yield prefix, value


def _units(manifest: Manifest) -> set[str]:
    return {unit for component in manifest.components for unit in component.units}


def _migrations(manifest: Manifest) -> tuple[Migration, ...]:
    return manifest.data_schema.migrations if manifest.data_schema else ()


def _file_lines(files: tuple[FileChange, ...]) -> Iterator[str]:
    for change in files[:_MOST_LINES]:
        if change.old_size is None:
            yield f"+ {change.path} ({change.new_size} bytes)"
        elif change.new_size is None:
            yield f"- {change.path} ({change.old_size} bytes)"
        else:
            yield f"~ {change.path} ({change.old_size} → {change.new_size} bytes)"
    if len(files) > _MOST_LINES:
        yield f"  and {len(files) - _MOST_LINES} more files"


def _other_lines(changes: ReleaseDiff) -> Iterator[str]:
    yield from (f"+ unit {unit}" for unit in changes.units_added)
    yield from (f"- unit {unit}" for unit in changes.units_removed)
    yield from (f"+ migration {one.version} ({one.kind})" for one in changes.migrations_added)
    yield from (f"- migration {one.version} ({one.kind})" for one in changes.migrations_removed)
    for change in changes.fields:
        yield f"~ {change.key}: {printable(str(change.old))} → {printable(str(change.new))}"
