"""What is known of versions is said before a backup begins."""

from __future__ import annotations

import pytest

from clmdeploy.backups.defects import KNOWN, Weight, defects_of, fork_in, release_in


@pytest.mark.parametrize(
    ("engine", "release", "named", "silent"),
    [
        ("pgbackrest", (2, 55, 1), "#2622", "CVE"),
        ("pgbackrest", (2, 54), "#2622", "#2645"),
        ("pgbackrest", (2, 59), "#2502", "#2622"),
        ("restic", (0, 18, 0), "#5467", "#2622"),
        ("restic", (0, 18, 1), "#5233", "#5467"),
        ("rclone", (1, 60, 1), "CVE-2026-59733", "#5233"),
        ("rclone", (1, 75, 0), "#9925", "CVE"),
    ],
)
def test_a_release_has_the_defects_of_its_time(engine: str, release: tuple[int, ...], named: str, silent: str) -> None:
    """From the one that brought it in to the one before its repair."""
    told = " ".join(defect.reference for defect in defects_of(engine, release))
    assert named in told
    assert silent not in told


def test_a_gateway_that_lets_hosts_read_each_other_is_refused() -> None:
    """Debian's rclone 1.60 is one."""
    assert Weight.REFUSE in {defect.weight for defect in defects_of("rclone", (1, 60, 1))}
    assert Weight.REFUSE not in {defect.weight for defect in defects_of("rclone", (1, 75, 2))}


def test_every_defect_is_told_in_both_languages() -> None:
    """And cites where it is described."""
    assert all(defect.words and defect.words.ru != defect.words and defect.reference for defect in KNOWN)


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("pgBackRest 2.55.1", (2, 55, 1)),
        ("pg_dump (PostgreSQL) 17.2 (Debian 17.2-1.pgdg120+1)", (17, 2)),
        ("rclone v1.60.1-DEV", (1, 60, 1)),
        ("no number", None),
        ("1" * 5000, None),
    ],
)
def test_versions_are_found_in_what_programs_say(said: str, release: tuple[int, ...] | None) -> None:
    """The first one counts."""
    assert release_in(said) == release


@pytest.mark.parametrize(
    ("said", "fork"),
    [
        ("PostgreSQL 17.2 on x86_64-pc-linux-gnu, compiled by gcc", None),
        ("PostgreSQL 16.4 (Postgres Pro 16.4.1) on x86_64", "Postgres Pro"),
        ("PostgreSQL 9.4.24 (Greenplum Database 6.1)", "Greenplum"),
    ],
)
def test_forks_are_named(said: str, fork: str | None) -> None:
    """pgBackRest does not know their control files."""
    assert fork_in(said) == fork
