"""The sample's releases: each is whole, valid, and says in its manifest what its files do."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from clmdeploy.lab import sample
from clmdeploy.lab.sample import VERSIONS, write_release
from clmdeploy.model.errors import UsageError
from clmdeploy.model.version import Version
from clmdeploy.releases.manifest import Manifest, Migration

every_version = pytest.mark.parametrize("version", VERSIONS)


def manifest_of(directory: Path) -> Manifest:
    return Manifest.model_validate(yaml.safe_load((directory / "release.yml").read_text("utf-8")))


def migrations_of(version: str, directory: Path) -> tuple[Migration, ...]:
    schema = manifest_of(write_release(version, directory)).data_schema
    assert schema is not None
    return schema.migrations


def content_of(directory: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): (path.stat().st_mode & 0o777, path.read_bytes()) for path in files}


def declared_in(directory: Path) -> tuple[str, int]:
    text = (directory / "clm/release.py").read_text("utf-8")
    version, needs = re.search(r'VERSION = "(.+)"', text), re.search(r"NEEDS_SCHEMA = (\d+)", text)
    assert version
    assert needs
    return version[1], int(needs[1])


def test_the_six_releases_stand_in_rising_order() -> None:
    """The demo rolls them out in the order of VERSIONS."""
    assert sorted(VERSIONS, key=Version) == list(VERSIONS)
    assert len(VERSIONS) >= 6


@every_version
def test_manifest_is_accepted_by_the_release_model(version: str, tmp_path: Path) -> None:
    """Every release.yml is a valid manifest of its own version, with notes in both languages."""
    manifest = manifest_of(write_release(version, tmp_path / "release"))
    assert str(manifest.version) == version
    assert manifest.name == "clm"
    assert manifest.notes.ru
    assert manifest.notes.en


@every_version
def test_manifest_and_application_agree(version: str, tmp_path: Path) -> None:
    """The application asks for the same schema as the manifest promises it."""
    directory = write_release(version, tmp_path / "release")
    schema = manifest_of(directory).data_schema
    assert schema is not None
    assert declared_in(directory) == (version, schema.needs)


@every_version
def test_everything_the_manifest_names_is_in_the_release(version: str, tmp_path: Path) -> None:
    """Units, documents and hooks exist; hooks are executable, and need nothing but the host's Python."""
    directory = write_release(version, tmp_path / "release")
    manifest = manifest_of(directory)
    for unit in (unit for component in manifest.components for unit in component.units):
        assert (directory / "units" / unit).is_file()
    assert all((directory / document).is_file() for document in manifest.documents)
    for hook in (directory / "bin").iterdir():
        assert hook.stat().st_mode & 0o777 == 0o755
        assert hook.read_text("utf-8").startswith("#!/usr/bin/python3 -BI\n")


@every_version
def test_manifest_and_migration_files_agree(version: str, tmp_path: Path) -> None:
    """Each declared migration has its SQL, says the same oldest application, and has SQL back unless irreversible."""
    directory = tmp_path / "release"
    declared = {one.version: one for one in migrations_of(version, directory)}
    files = {int(path.name[:3]): path for path in (directory / "migrations").glob("*.up.sql")}
    assert files.keys() == declared.keys()
    for number, migration in declared.items():
        assert migration.apply == ("bin/migrate", "up", str(number))
        assert f"-- oldest_compatible_app: {migration.oldest_compatible_app}\n" in files[number].read_text("utf-8")
        back = files[number].with_name(files[number].name.replace(".up.", ".down."))
        assert migration.revert == (("bin/migrate", "down", str(number)) if back.is_file() else "irreversible")


def test_a_migration_number_never_changes_its_meaning(tmp_path: Path) -> None:
    """All releases meet one database: a number is one migration in all of them, the withdrawn ones included."""
    meanings: dict[int, set[Migration]] = {}
    for version in VERSIONS:
        for migration in migrations_of(version, tmp_path / version):
            meanings.setdefault(migration.version, set()).add(migration)
    assert {number: len(migrations) for number, migrations in meanings.items()} == dict.fromkeys(meanings, 1)


def test_only_the_contraction_of_2_0_0_shuts_1_x_out(tmp_path: Path) -> None:
    """Until 2.0.0 contracts the schema, every 1.x can come back; 2.0.0 itself runs on both sides of the contraction."""
    migrations = migrations_of("2.0.0", tmp_path / "release")
    assert [one.kind for one in migrations] == ["expand", "expand", "expand", "contract"]
    assert [str(one.oldest_compatible_app) for one in migrations] == ["1.0.0", "1.0.0", "1.0.0", "2.0.0"]
    schema = manifest_of(tmp_path / "release").data_schema
    assert schema is not None
    assert schema.needs == migrations[-2].version
    assert migrations[-1].revert == "irreversible"


def test_writing_a_release_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """Bundles built from it are deterministic only if it is."""
    assert content_of(write_release("2.0.0", tmp_path / "a")) == content_of(write_release("2.0.0", tmp_path / "b"))


def test_no_byte_code_comes_with_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing the wheel compiles the sources where they lie; that must not get into a bundle."""
    layers = shutil.copytree(sample._LAYERS_DIRECTORY, tmp_path / "layers")
    (layers / "1.0.0/clm/__pycache__").mkdir(exist_ok=True)
    (layers / "1.0.0/clm/__pycache__/web.cpython-313.pyc").write_bytes(b"")
    monkeypatch.setattr(sample, "_LAYERS_DIRECTORY", layers)
    directory = write_release("1.0.0", tmp_path / "release")
    assert not [path for path in directory.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"]


def test_an_unknown_version_is_refused_by_name(tmp_path: Path) -> None:
    """The message tells which releases there are."""
    with pytest.raises(UsageError, match=r"9\.9\.9") as refusal:
        write_release("9.9.9", tmp_path / "release")
    assert "1.0.0" in refusal.value.hint


def test_a_directory_with_files_is_never_written_into(tmp_path: Path) -> None:
    """A release laid over something else would be neither."""
    (tmp_path / "precious").write_text("x")
    with pytest.raises(UsageError, match="not an empty directory"):
        write_release("1.0.0", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("name", ["clm-web.service", "clm-worker.service"])
def test_units_are_confined_and_stop_in_time(name: str, tmp_path: Path) -> None:
    """Services can't gain rights, see the system read-only, and get longer to stop than requests in flight may take."""
    unit = (write_release("1.0.0", tmp_path / "release") / "units" / name).read_text("utf-8")
    settings = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert settings["NoNewPrivileges"] == "yes"
    assert settings["ProtectSystem"] == "strict"
    assert settings["KillMode"] == "mixed"
    assert settings["User"] == "clm"
    service = (tmp_path / "release/clm/service.py").read_text("utf-8")
    shutdown = re.search(r"^SHUTDOWN_SECONDS = (\d+)", service, re.MULTILINE)
    assert shutdown
    assert int(settings["TimeoutStopSec"]) > int(shutdown[1])
    assert ("ReadWritePaths" in settings) == (name == "clm-worker.service")
