"""pgBackRest is asked for exactly what is meant: never its own choice of set, timeline, expiry or log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from clmdeploy.backups.output import Unintelligible
from clmdeploy.backups.pgbackrest import DatabaseBackup, Pgbackrest
from clmdeploy.backups.pgbackrest_recovery import DatabaseRestore, Target
from clmdeploy.model.errors import InvalidInput

FULL, INCR = "20261123-010203F", "20261123-010203F_20261124-010203I"
ENGINE = Pgbackrest("clm", "/etc/p.conf", secrets={"PGBACKREST_REPO1_CIPHER_PASS": "/run/pass"})
MSK = timezone(timedelta(hours=3))


def test_a_backup_is_marked_with_its_point_and_expires_nothing() -> None:
    """The configuration's own expiry would run right after it."""
    command = ENGINE.backup(DatabaseBackup("full", "p-1"))
    assert {"backup", "--type=full", "--annotation=clm-point=p-1", "--no-expire-auto", "--start-fast"} < {*command.argv}
    assert command.argv[1:3] == ("--config=/etc/p.conf", "--stanza=clm")
    assert command.secrets == {"PGBACKREST_REPO1_CIPHER_PASS": "/run/pass"}


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        (Target("lsn", "0/3000000"), ("--type=lsn", "--target=0/3000000", "promote", "current")),
        (Target("lsn", "0/3000000", 3), ("--type=lsn", "--target=0/3000000", "promote", "3")),
        (
            Target("time", datetime(2026, 11, 23, 4, 2, 3, 5, MSK)),
            ("--type=time", "--target=2026-11-23 01:02:03.000005+00", "promote", "current"),
        ),
        (Target("name", "clm-1"), ("--type=name", "--target=clm-1", "promote", "current")),
        (Target("immediate"), ("--type=immediate", "promote")),
        (Target("default"), ("--type=default", "current")),
        (Target("standby"), ("--type=standby",)),
    ],
)
def test_recovery_targets_are_said_in_full(target: Target, arguments: tuple[str, ...]) -> None:
    """With timeline, and in universal time; `immediate` refuses a timeline (2.55.1 ends with 31)."""
    assert (
        tuple(part.removeprefix("--target-action=").removeprefix("--target-timeline=") for part in target.arguments())
        == arguments
    )


@pytest.mark.parametrize(
    "target",
    [
        Target("lsn"),
        Target("lsn", "x"),
        Target("time", datetime(2026, 11, 23)),
        Target("time", "2026-11-23"),
        Target("name", "it's"),
        Target("name", "x" * 64),
        Target("immediate", "x"),
        Target("standby", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_targets_that_mean_nothing_or_two_things_are_refused(target: Target) -> None:
    """A time without zone is one moment to pgBackRest and another to PostgreSQL."""
    with pytest.raises(InvalidInput, match=r"recovery target|not the name"):
        target.arguments()


def test_a_restore_in_place_is_a_delta_of_a_named_backup() -> None:
    """Never the latest by itself."""
    argv = ENGINE.restore(DatabaseRestore(INCR, Target("immediate"))).argv
    assert {"restore", "--delta", f"--set={INCR}", "--repo=1"} < {*argv}


def test_a_side_restore_touches_neither_data_nor_archive() -> None:
    """Promoted, it would write a timeline into the archive of the true one."""
    order = DatabaseRestore(FULL, Target("immediate"), "/side", "/side-ts", ("clm",), {"recovery_prefetch": "off"})
    argv = ENGINE.restore(order).argv
    assert {"--pg1-path=/side", "--archive-mode=off", "--tablespace-map-all=/side-ts", "--db-include=clm"} < {*argv}
    assert "--recovery-option=recovery_prefetch=off" in argv
    assert "--delta" in argv  # one that was cut off is gone on with


@pytest.mark.parametrize(
    "order",
    [
        DatabaseRestore("latest", Target("immediate")),
        DatabaseRestore(FULL, Target("immediate"), side_path="side"),
        DatabaseRestore(FULL, Target("immediate"), side_path="/a/../b"),
        DatabaseRestore(FULL, Target("immediate"), databases=("it's",)),
        DatabaseRestore(FULL, Target("immediate"), recovery_options={"restore_command": "cp 'x' y"}),
    ],
)
def test_restores_with_strange_arguments_are_refused(order: DatabaseRestore) -> None:
    """pgBackRest writes them between quotes into the server's configuration."""
    with pytest.raises(InvalidInput):
        ENGINE.restore(order)


def test_expiry_goes_from_the_end_of_a_chain_to_its_beginning() -> None:
    """Each by name; what is configured by count keeps everything."""
    other = "20261125-010203F"
    commands = ENGINE.expire([FULL, other, INCR, FULL])
    chosen = [part for command in commands for part in command.argv if part.startswith("--set=")]
    assert chosen == [f"--set={other}", f"--set={INCR}", f"--set={FULL}"]
    assert all("--repo1-retention-full=9999999" in command.argv for command in commands)
    assert ENGINE.expire([]) == ()


def test_wal_is_dropped_by_the_number_of_full_backups_that_need_it() -> None:
    """A dry run says what would go."""
    argv = ENGINE.expire_wal(2, dry_run=True).argv
    assert {"--repo1-retention-archive=2", "--repo1-retention-archive-type=full", "--dry-run"} < {*argv}
    assert "--dry-run" not in ENGINE.expire_wal(2).argv
    with pytest.raises(InvalidInput):
        ENGINE.expire_wal(0)


def test_results_alone_are_on_standard_output() -> None:
    """Log lines between JSON could not be told from it."""
    everything = (
        ENGINE.listing(),
        ENGINE.verify(),
        ENGINE.verify(FULL),
        ENGINE.entries("archive/clm"),
        *ENGINE.preflight()[1:],
    )
    assert all("--log-level-console=off" in command.argv for command in everything)
    assert {"--output=text", "--verbose"} < {*ENGINE.verify().argv}


@pytest.mark.parametrize("path", ["", "/etc", "../x", "--raw", "a/../../b"])
def test_only_paths_of_the_repository_are_read(path: str) -> None:
    """Whoever asks."""
    with pytest.raises(InvalidInput):
        ENGINE.fetch(path)
    with pytest.raises(InvalidInput):
        ENGINE.entries(path)


@pytest.mark.parametrize("stanza", ["", "../x", "A", "x y"])
def test_a_stanza_is_a_plain_name(stanza: str) -> None:
    """It is a path, an option and part of a certificate's rule."""
    with pytest.raises(InvalidInput):
        Pgbackrest(stanza, "/etc/p.conf")


@pytest.mark.parametrize(("said", "release"), [(b"2055001", (2, 55, 1)), (b"pgBackRest 2.59.1\n", (2, 59, 1))])
def test_versions_are_read_as_number_or_text(said: bytes, release: tuple[int, ...]) -> None:
    """`--output=num` is not known to old ones."""
    assert ENGINE.read_version(said) == release


def test_no_version_is_no_version() -> None:
    """Another program of that name."""
    with pytest.raises(Unintelligible):
        ENGINE.read_version(b"hello")
