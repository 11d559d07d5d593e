"""Does the bundle hold what the manifest promises? Pure: a manifest and the bundle's entries in, faults out."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from clmdeploy.releases.fields import Command
from clmdeploy.releases.manifest import Manifest

_LONGEST_CHAIN = 40  # links followed before we call it a loop, as Linux does


class Member(Protocol):
    """What is asked of an entry: as found on disk, or as recorded in release.json."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> int: ...
    @property
    def target(self) -> str | None: ...


def contents_faults(manifest: Manifest, entries: Iterable[Member]) -> list[str]:
    """Every unit, hook, document and shared path of `manifest` that `entries` can't serve, as `KEY.PATH: cause`."""
    members = {entry.path: entry for entry in entries}
    directories = {parent for path in members for parent in _parents(path)}
    return [
        *_unit_faults(manifest, members),
        *_hook_faults(manifest, members),
        *_document_faults(manifest, members),
        *_shared_faults(manifest, members, directories),
    ]


def _unit_faults(manifest: Manifest, members: Mapping[str, Member]) -> Iterator[str]:
    for index, component in enumerate(manifest.components):
        for number, unit in enumerate(component.units):
            if _resolved(f"units/{unit}", members) is None:
                yield f"components.{index}.units.{number}: units/{unit} is not in the bundle"


def _hook_faults(manifest: Manifest, members: Mapping[str, Member]) -> Iterator[str]:
    for key, command in _hooks(manifest):
        program = command[0]
        if program.startswith("/"):
            continue
        path = posixpath.normpath(program)
        entry = _resolved(path, members)
        if entry is None and ("/" in program or path in members):
            yield f"{key}: {program} is not in the bundle"
        elif entry is not None and not entry.mode & 0o100:
            yield f"{key}: {program} is not executable"


def _hooks(manifest: Manifest) -> Iterator[tuple[str, Command]]:
    for index, component in enumerate(manifest.components):
        named = {"before_stop": component.before_stop, "after_start": component.after_start}
        named |= {f"health.{number}.command": check.command for number, check in enumerate(component.health)}
        yield from ((f"components.{index}.{key}", command) for key, command in named.items() if command)
    if manifest.data_schema:
        yield "schema.version_command", manifest.data_schema.version_command
        for index, migration in enumerate(manifest.data_schema.migrations):
            yield f"schema.migrations.{index}.apply", migration.apply
            if migration.revert != "irreversible":
                yield f"schema.migrations.{index}.revert", migration.revert


def _document_faults(manifest: Manifest, members: Mapping[str, Member]) -> Iterator[str]:
    for index, document in enumerate(manifest.documents):
        if _resolved(document, members) is None:
            yield f"documents.{index}: {document} is not in the bundle"


def _shared_faults(manifest: Manifest, members: Mapping[str, Member], directories: set[str]) -> Iterator[str]:
    for index, shared in enumerate(manifest.shared):
        above = [path for path in (shared.path, *_parents(shared.path)) if path in members]
        if above or shared.path in directories:
            yield f"shared.{index}.path: the bundle holds {above[0] if above else shared.path} itself"


def _resolved(path: str, members: Mapping[str, Member]) -> Member | None:
    """The file that `path` leads to inside the bundle, through links of files and of directories."""
    for _ in range(_LONGEST_CHAIN):
        link = next((entry for part in (path, *_parents(path)) if (entry := members.get(part)) and entry.target), None)
        if link is None:
            return members.get(path)
        led = posixpath.join(posixpath.dirname(link.path), link.target or "", path[len(link.path) :].lstrip("/"))
        path = posixpath.normpath(led)
    return None


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
