"""The schema's migrations: SQL files of this release, applied one by one, with a history that admits a half-done one.

A file is split at lines `-- transaction`; each part is one transaction (or one statement that can't run in any, such
as CREATE INDEX CONCURRENTLY). The history's row stands, dirty, before the first part, and is cleared with the last.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from clm.settings import RELEASE_DIRECTORY, SettingsError, database_url

_NAME = re.compile(r"(\d{3})_([a-z0-9_]+)\.up\.sql")
_OLDEST = re.compile(r"^-- oldest_compatible_app: (\d+\.\d+\.\d+)$", re.MULTILINE)
_LOCK = 0x636C6D  # "clm": one migration at a time in a database
_HISTORY = """
    CREATE TABLE IF NOT EXISTS schema_history (
        version integer PRIMARY KEY,
        name text NOT NULL,
        oldest_compatible_app text NOT NULL,
        dirty boolean NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""

_APPLIED = "UPDATE schema_history SET dirty = false, applied_at = now() WHERE version = %s"
_TAKEN_BACK = "DELETE FROM schema_history WHERE version = %s"

Connection = psycopg.Connection[tuple[object, ...]]


class MigrationError(Exception):
    """The migration must not run now; nothing was changed."""


@dataclass(frozen=True)
class Migration:
    """One pair of SQL files. `down` doesn't exist where the migration is irreversible."""

    version: int
    name: str
    up: Path

    @property
    def down(self) -> Path:
        return self.up.with_name(f"{self.version:03d}_{self.name}.down.sql")

    @property
    def oldest_compatible_app(self) -> str:
        found = _OLDEST.search(self.up.read_text("utf-8"))
        if found is None:
            raise MigrationError(f"{self.up.name} doesn't say its oldest_compatible_app")
        return found[1]


def migrations(directory: Path = RELEASE_DIRECTORY / "migrations") -> dict[int, Migration]:
    """The migrations that this release carries, by version."""
    found = ((path, _NAME.fullmatch(path.name)) for path in sorted(directory.glob("*.up.sql")))
    return {int(match[1]): Migration(int(match[1]), match[2], path) for path, match in found if match}


def history(connection: Connection) -> dict[int, bool]:
    """Version → dirty, of every migration that was begun in this database."""
    present = connection.execute("SELECT to_regclass('schema_history') IS NOT NULL").fetchone()
    if not (present and present[0]):
        return {}
    rows = connection.execute("SELECT version, dirty FROM schema_history").fetchall()
    return {int(str(version)): bool(dirty) for version, dirty in rows}


def state(begun: dict[int, bool]) -> dict[str, object]:
    """`version` is the last one that is whole; `dirty` tells that another was begun and isn't."""
    return {"version": max((v for v, dirty in begun.items() if not dirty), default=0), "dirty": any(begun.values())}


def up(connection: Connection, known: dict[int, Migration], version: int) -> str:
    """Apply one migration. Does nothing when it is applied; raises MigrationError when it isn't its turn."""
    connection.execute(_HISTORY)
    begun = history(connection)
    if begun.get(version) is False:
        return f"migration {version} is applied already"
    _check_turn(begun, known, version)
    migration = known[version]
    connection.execute(
        "INSERT INTO schema_history (version, name, oldest_compatible_app, dirty) VALUES (%s, %s, %s, true)",
        [version, migration.name, migration.oldest_compatible_app],
    )
    parts = _parts(migration.up)
    try:
        _run(connection, parts, _APPLIED, version)
    except psycopg.Error:
        _forget_if_untouched(connection, parts, version)
        raise
    return f"migration {version} ({migration.name}) is applied"


def down(connection: Connection, known: dict[int, Migration], version: int) -> str:
    """Take one migration back, whole or half-done. Does nothing when it was never begun."""
    begun = history(connection)
    if version not in begun:
        return f"migration {version} is not applied"
    if version not in known:
        raise MigrationError(f"this release has no migration {version}: use the release that applied it")
    if not known[version].down.is_file():
        raise MigrationError(f"migration {version} is irreversible")
    if max(begun) > version:
        raise MigrationError(f"migration {max(begun)} must be taken back before {version}")
    connection.execute("UPDATE schema_history SET dirty = true WHERE version = %s", [version])
    _run(connection, _parts(known[version].down), _TAKEN_BACK, version)
    return f"migration {version} ({known[version].name}) is taken back"


def _check_turn(begun: dict[int, bool], known: dict[int, Migration], version: int) -> None:
    if version not in known:
        raise MigrationError(f"this release has no migration {version}")
    if dirty := [v for v, is_dirty in begun.items() if is_dirty]:
        raise MigrationError(f"migration {dirty[0]} was left half-done: run `bin/migrate down {dirty[0]}` first")
    if begun and max(begun) > version:
        raise MigrationError(f"the schema is at {max(begun)}, beyond {version}")
    if missing := [v for v in known if v < version and v not in begun]:
        raise MigrationError(f"migration {missing[0]} must be applied before {version}")


def _parts(path: Path) -> list[str]:
    return [part.strip() for part in path.read_text("utf-8").split("\n-- transaction\n") if part.strip()]


def _alone(part: str) -> bool:
    return " CONCURRENTLY " in part


def _run(connection: Connection, parts: Sequence[str], closing: str, version: int) -> None:
    for part in parts[:-1]:
        connection.execute(part.encode())
    if _alone(parts[-1]):
        connection.execute(parts[-1].encode())
        connection.execute(closing, [version])
        return
    with connection.transaction():
        connection.execute(parts[-1].encode())
        connection.execute(closing, [version])


def _forget_if_untouched(connection: Connection, parts: Sequence[str], version: int) -> None:
    """A migration of one transaction that failed has changed nothing, so it leaves nothing dirty."""
    if len(parts) == 1 and not _alone(parts[0]) and not connection.broken:
        connection.execute(_TAKEN_BACK, [version])


def _connect() -> Connection:
    # lock_timeout: a migration that waits behind a long query would make every later query wait behind itself.
    options = "-c lock_timeout=10s"
    return psycopg.connect(
        database_url(), autocommit=True, connect_timeout=5, application_name="clm-migrate", options=options
    )


def _lock(connection: Connection) -> None:
    taken = connection.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if not (taken and taken[0]):
        raise MigrationError("another migration is running in this database")


def main(arguments: Sequence[str]) -> int:
    """`up N` or `down N`; exit status 0 done, 1 failed or refused, 2 wrong arguments."""
    if len(arguments) != 2 or arguments[0] not in ("up", "down") or not arguments[1].isdigit():
        sys.stderr.write("usage: migrate up N | migrate down N\n")
        return 2
    act = up if arguments[0] == "up" else down
    try:
        with _connect() as connection:
            _lock(connection)
            sys.stdout.write(act(connection, migrations(), int(arguments[1])) + "\n")
    except (MigrationError, SettingsError, psycopg.Error) as error:
        sys.stderr.write(f"migrate {arguments[0]} {arguments[1]}: {error}\n")
        return 1
    return 0


def print_version() -> int:
    """The hook behind `schema.version_command`."""
    try:
        with _connect() as connection:
            sys.stdout.write(json.dumps(state(history(connection))) + "\n")
    except (SettingsError, psycopg.Error) as error:
        sys.stderr.write(f"the schema's version can't be read: {error}\n")
        return 1
    return 0
