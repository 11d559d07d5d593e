"""The manifest of a release: written by people as release.yml, published as canonical release.json.

Nothing in it is particular to one language or framework: hooks are commands in the bundle (argument vectors, never
shell text), run in the release directory as the component's user.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from clmdeploy.model.value import Value
from clmdeploy.model.version import Version

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[int, Field(ge=1, le=3600)]
UnitName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,100}\.(service|timer|socket|path|target)$")]


def _relative(path: str) -> str:
    parts = path.split("/")
    if not path or len(path) > 1024 or "\0" in path or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{path!r} must be a relative path inside the release, without '.' or '..' components")
    return path


RelativePath = Annotated[str, AfterValidator(_relative)]
Argument = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=64)]


class HealthCheck(Value):
    """One question asked on the host itself. Exactly one of `http` and `command` is given."""

    http: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost)(:\d{1,5})?(/[^\s]*)?$")] | None = None
    status: int = Field(200, ge=100, le=599)
    command: Command | None = None
    timeout: Seconds = 30

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.http is None) == (self.command is None):
            raise ValueError("a health check has exactly one of 'http' and 'command'")
        return self


class Component(Value):
    """A part of the release that runs on one group of hosts."""

    name: Name
    group: Name
    user: Name | None = Field(None, description="account that units and hooks run as; default: the environment's")
    units: tuple[UnitName, ...] = Field((), max_length=32, description="unit files in the bundle's units/ directory")
    health: tuple[HealthCheck, ...] = Field((), max_length=16)
    version_url: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost)(:\d{1,5})?(/[^\s]*)?$")] | None = Field(
        None, description="answers JSON whose key `version` is the version that truly runs"
    )
    before_stop: Command | None = Field(None, description="drain hook: run before the units are stopped")
    after_start: Command | None = Field(None, description="run once the units have started")


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
    version_command: Command = Field(description="prints JSON: {\"version\": 3, \"dirty\": false}")
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


class Requirements(Value):
    """What a host must have before anything is staged on it."""

    disk: int = Field(64 * 1024**2, ge=0, description="free bytes beside the unpacked release")
    memory: int = Field(0, ge=0, description="total bytes of memory")
    os: tuple[Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,40}$")], ...] = Field((), description="ID-VERSION_ID of /etc/os-release, like debian-13")
    commands: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._+/-]{1,200}$")], ...] = Field((), description="programs that must be on PATH")


class Notes(Value):
    """What changed, for people, in Markdown."""

    ru: str = Field("", max_length=100_000)
    en: str = Field("", max_length=100_000)


class Manifest(Value):
    """release.yml: what the makers of a release declare."""

    format: Literal["release/1"]
    name: Name
    version: Version
    components: tuple[Component, ...] = Field(min_length=1, max_length=32)
    shared: tuple[SharedPath, ...] = Field((), max_length=64)
    environment_files: tuple[RelativePath, ...] = Field((), max_length=16, description="KEY=VALUE files below the install root that hooks get as environment")
    data_schema: Schema | None = Field(None, alias="schema")
    requires: Requirements = Requirements()
    notes: Notes = Notes()
    documents: tuple[RelativePath, ...] = Field((), max_length=256, description="operating documents that changed, in the bundle")

    model_config = Value.model_config | {"populate_by_name": True, "serialize_by_alias": True}

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [component.name for component in self.components]
        if len(set(names)) != len(names):
            raise ValueError("two components have the same name")
        units = [unit for component in self.components for unit in component.units]
        if len(set(units)) != len(units):
            raise ValueError("a unit belongs to one component only")
        return self


class FileEntry(Value):
    """One member of the bundle."""

    path: RelativePath
    kind: Literal["file", "link"] = "file"
    mode: int = Field(ge=0, le=0o777)
    size: int = Field(ge=0)
    sha256: Sha256 | None = None
    target: str | None = Field(None, description="of a link: relative, and staying inside the release")


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
    files: tuple[FileEntry, ...] = Field(max_length=200_000)

    @property
    def version(self) -> Version:
        return self.manifest.version

    @property
    def directory(self) -> str:
        """Name of the directory on hosts: VERSION-DIGEST8, so that two builds of one version never mix."""
        return f"{self.manifest.version}-{self.bundle.sha256[:8]}"
