"""The manifest of a release: written by people as release.yml, published as canonical release.json.

Nothing in it is particular to one language or framework: hooks are commands in the bundle (argument vectors, never
shell text), run in the release directory as the component's user.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from clmdeploy.model.value import JsonValue, Value
from clmdeploy.model.version import Version
from clmdeploy.releases.fields import (
    Command,
    LoopbackUrl,
    Name,
    ProgramName,
    Prose,
    RelativePath,
    Seconds,
    Sha256,
    SystemName,
    UnitName,
    link_stays_inside,
)


class Grown(Value):
    """A part that has got fields since it was first published.

    Where they say nothing they are left out: what was published before still has one spelling, that of its signature.
    """

    @model_serializer(mode="wrap")
    def _without_news(self, handler: SerializerFunctionWrapHandler) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = handler(self)
        return {key: value for key, value in told.items() if key not in _NEWS or value not in (None, False)}


_NEWS = ("sends", "consistency")


class HealthCheck(Value):
    """One question asked on the host itself. Exactly one of `http` and `command` is given."""

    http: LoopbackUrl | None = None
    status: int = Field(200, ge=100, le=599)
    command: Command | None = None
    timeout: Seconds = 30

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.http is None) == (self.command is None):
            raise ValueError("a health check has exactly one of 'http' and 'command'")
        return self


class Component(Grown):
    """A part of the release that runs on one group of hosts."""

    name: Name
    group: Name
    user: Name | None = Field(None, description="account that units and hooks run as; default: the environment's")
    units: tuple[UnitName, ...] = Field((), max_length=32, description="unit files in the bundle's units/ directory")
    health: tuple[HealthCheck, ...] = Field((), max_length=16)
    version_url: LoopbackUrl | None = Field(
        None, description="answers JSON whose key `version` is the version that truly runs"
    )
    before_stop: Command | None = Field(None, description="drain hook: run before the units are stopped")
    after_start: Command | None = Field(None, description="run once the units have started")
    sends: bool = Field(
        False,
        description="acts on the world by itself (sends messages, charges): after a restore it stays stopped until "
        "somebody says otherwise. Where no component says so, those of group worker do",
    )


class SharedPath(Value):
    """A tree that outlives releases, linked into each of them."""

    path: RelativePath
    owner: Name = Field(description="group of hosts (or share) that owns the tree; other groups don't get it")


class Migration(Value):
    """One step of the schema. Expanding ones run before the switch, contracting ones after it."""

    version: int = Field(ge=1, le=1_000_000, description="schema version after this migration")
    kind: Literal["expand", "contract"]
    apply: Command
    revert: Command | Literal["irreversible"]
    oldest_compatible_app: Version = Field(description="oldest release that runs on the schema after this migration")


class Schema(Value):
    """What the release needs of the database and how to get there."""

    needs: int = Field(ge=0, le=1_000_000, description="lowest schema version that this release runs on")
    group: Name = Field(description="the hooks run on the first host of this group")
    version_command: Command = Field(description='prints JSON: {"version": 3, "dirty": false}')
    migrations: tuple[Migration, ...] = Field((), max_length=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        versions = [migration.version for migration in self.migrations]
        if versions != sorted(set(versions)):
            raise ValueError("migrations must stand in rising order of version, each version once")
        kinds = [m.kind for m in self.migrations if m.version > self.needs]
        if "expand" in kinds:
            raise ValueError("an expanding migration above 'needs' would never run before the switch: raise 'needs'")
        return self


class Consistency(Value):
    """How rows of the database and files beside it are compared, after a restore."""

    group: Name = Field(description="the hook runs on the first host of this group")
    command: Command = Field(description='prints JSON: {"checked": 120, "problems": ["banner.png: not there"]}')
    timeout: Seconds = 600


class Requirements(Value):
    """What a host must have before anything is staged on it."""

    disk: int = Field(64 * 1024**2, ge=0, le=2**50, description="free bytes beside the unpacked release")
    memory: int = Field(0, ge=0, le=2**50, description="total bytes of memory")
    os: tuple[SystemName, ...] = Field(
        (), max_length=64, description="ID-VERSION_ID of /etc/os-release, like debian-13"
    )
    commands: tuple[ProgramName, ...] = Field((), max_length=256, description="programs that must be on PATH")


class Notes(Value):
    """What changed, for people, in Markdown."""

    ru: Prose = ""
    en: Prose = ""


class Manifest(Grown):
    """release.yml: what the makers of a release declare."""

    format: Literal["release/1"]
    name: Name
    version: Version
    components: tuple[Component, ...] = Field(min_length=1, max_length=32)
    shared: tuple[SharedPath, ...] = Field((), max_length=64)
    environment_files: tuple[RelativePath, ...] = Field(
        (), max_length=16, description="KEY=VALUE files below the install root that hooks get as environment"
    )
    data_schema: Schema | None = Field(None, alias="schema")
    consistency: Consistency | None = None
    requires: Requirements = Requirements()
    notes: Notes = Notes()
    documents: tuple[RelativePath, ...] = Field(
        (), max_length=256, description="operating documents that changed, in the bundle"
    )

    model_config = Value.model_config | {"populate_by_name": True, "serialize_by_alias": True}

    @property
    def senders(self) -> tuple[str, ...]:
        """Names of the components that must not run twice over the same data."""
        marked = tuple(component.name for component in self.components if component.sends)
        return marked or tuple(component.name for component in self.components if component.group == "worker")

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        faults = [
            *_repeated("components", (component.name for component in self.components), "two components named"),
            *_repeated(
                "components", (unit for c in self.components for unit in c.units), "two components have the unit"
            ),
            *_repeated("shared", (f"{s.path} of {s.owner}" for s in self.shared), "declared twice:"),
            *self._shared_within_shared(),
            *self._migrations_ahead(),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _shared_within_shared(self) -> Iterator[str]:
        """The service owns its shared trees: what root makes or reads inside could be swapped for a link elsewhere."""
        trees = {f"shared/{one.path}": f"shared: {one.path}" for one in self.shared}
        inside = {**trees, **{path: f"environment_files: {path}" for path in self.environment_files}}
        for path, where in inside.items():
            above = next((parent for parent in _parents(path) if parent in trees), None)
            if above is not None:
                yield f"{where} lies inside the shared tree {above.removeprefix('shared/')}; put it beside that"

    def _migrations_ahead(self) -> Iterator[str]:
        migrations = self.data_schema.migrations if self.data_schema else ()
        for index, migration in enumerate(migrations):
            if migration.oldest_compatible_app > self.version:
                yield (
                    f"schema.migrations.{index}.oldest_compatible_app: {migration.oldest_compatible_app} is newer than "
                    f"this release ({self.version}), which could not run after its own migration"
                )


def _repeated(key: str, values: Iterable[str], words: str) -> list[str]:
    return [f"{key}: {words} {value}" for value, count in Counter(values).items() if count > 1]


class FileEntry(Value):
    """One member of the bundle."""

    path: RelativePath
    kind: Literal["file", "link"] = "file"
    mode: int = Field(ge=0, le=0o777)
    size: int = Field(ge=0)
    sha256: Sha256 | None = None
    target: str | None = Field(None, max_length=1024, description="of a link: relative, and staying inside the release")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.kind == "file" and (self.sha256 is None or self.target is not None):
            raise ValueError(f"the file {self.path} needs sha256 and no target")
        if self.kind == "link" and (self.sha256 is not None or not self.target or self.size):
            raise ValueError(f"the link {self.path} needs a target, size 0 and no sha256")
        if self.kind == "link" and self.target and not link_stays_inside(self.path, self.target):
            raise ValueError(f"the link {self.path} leads out of the release: {self.target[:200]!r}")
        return self


class BundleEntry(Value):
    """The archive as published."""

    sha256: Sha256
    size: int = Field(ge=0, description="bytes of the archive")
    unpacked: int = Field(ge=0, description="bytes of all files together")


class Release(Value):
    """release.json: the manifest and what the build measured. This is what is signed."""

    format: Literal["release/1"] = "release/1"
    manifest: Manifest
    bundle: BundleEntry
    files: tuple[FileEntry, ...] = Field(max_length=200_000, description="in rising order of path")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        paths = [entry.path for entry in self.files]
        if any(first >= second for first, second in pairwise(paths)):
            raise ValueError("files must stand in rising order of path, each path once")
        known = set(paths)
        for path in paths:
            above = next((parent for parent in _parents(path) if parent in known), None)
            if above is not None:
                raise ValueError(f"{path} stands below {above}, which is no directory")
        if sum(entry.size for entry in self.files) != self.bundle.unpacked:
            raise ValueError("bundle.unpacked is not the sum of the sizes of all files")
        return self

    @property
    def version(self) -> Version:
        return self.manifest.version

    @property
    def directory(self) -> str:
        """Name of the directory on hosts: VERSION-DIGEST8, so that two builds of one version never mix."""
        return f"{self.manifest.version}-{self.bundle.sha256[:8]}"


def _parents(path: str) -> Iterator[str]:
    """`a/b` and `a` of `a/b/c`."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
