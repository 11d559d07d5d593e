"""Versions of engines and what is known to be wrong with them, to be said before a backup fails."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from clmdeploy.model.bilingual import Bilingual

Release = tuple[int, ...]
_NUMBER = re.compile(r"(?<![\w.])v?(\d{1,4}(?:\.\d{1,4}){1,3})(?![\d.]*\d)", re.ASCII)
_FORKS = (
    ("postgrespro", "Postgres Pro"),
    ("pgpro", "Postgres Pro"),
    ("enterprisedb", "EDB Postgres"),
    ("greenplum", "Greenplum"),
)


class Weight(StrEnum):
    """REFUSE: no backup with it. WARN: said each time. HANDLED: known and worked around here."""

    REFUSE = "refuse"
    WARN = "warn"
    HANDLED = "handled"


@dataclass(frozen=True)
class Defect:
    """One known defect; `fixed` is empty where no release is known to be without it."""

    engine: str
    reference: str
    fixed: Release
    weight: Weight
    words: Bilingual
    since: Release = ()

    def touches(self, release: Release) -> bool:
        return self.since <= release and (not self.fixed or release < self.fixed)


def _of(engine: str, reference: str, fixed: Release, weight: Weight, en: str, ru: str, since: Release = ()) -> Defect:
    return Defect(engine, reference, fixed, weight, Bilingual(en, ru), since)


KNOWN = (
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2645",
        (2, 56),
        Weight.HANDLED,
        "expire of one backup fails beside a second, empty repository",
        "expire одной копии не удаётся рядом со вторым, пустым хранилищем",
        (2, 55),
    ),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2675",
        (2, 57),
        Weight.WARN,
        "crashes while it reports a page checksum error",
        "падает при сообщении об ошибке контрольной суммы страницы",
    ),
    _of("pgbackrest", "pgbackrest/pgbackrest#2340", (2, 58), Weight.HANDLED, "S3 by HTTPS only", "S3 только по HTTPS"),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2710",
        (2, 58),
        Weight.HANDLED,
        "may hang when it is ended by SIGTERM",
        "может зависнуть, когда его завершают сигналом SIGTERM",
    ),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2622",
        (2, 59),
        Weight.HANDLED,
        "expire deletes a backup that another host is taking",
        "expire удаляет копию, которую в это время делает другой узел",
    ),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2423",
        (2, 59),
        Weight.HANDLED,
        "asynchronous archive-get may end a recovery too early",
        "асинхронный archive-get может закончить восстановление раньше времени",
    ),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2629",
        (2, 59),
        Weight.HANDLED,
        "archive-push-queue-max drops WAL that was not stored",
        "archive-push-queue-max отбрасывает несохранённый WAL",
    ),
    _of(
        "pgbackrest",
        "pgbackrest/pgbackrest#2502",
        (),
        Weight.HANDLED,
        "verify exits with 0 whatever it finds, and overlooks missing WAL",
        "verify завершается с кодом 0, что бы ни нашёл, и не замечает пропавший WAL",
    ),
    _of(
        "restic",
        "restic/restic#4467",
        (0, 19),
        Weight.HANDLED,
        "a path that does not exist is skipped without an error",
        "несуществующий путь пропускается без ошибки",
    ),
    _of(
        "restic",
        "restic/restic#5233",
        (0, 19),
        Weight.HANDLED,
        "forget succeeds though it could not delete a snapshot",
        "forget завершается успешно, хотя не смог удалить снимок",
    ),
    _of(
        "restic",
        "restic/restic#5467",
        (0, 18, 1),
        Weight.WARN,
        "check may report damage after a download was tried again",
        "check может сообщить о повреждении после повторной загрузки",
        (0, 18),
    ),
    _of(
        "restic",
        "restic/restic#5440",
        (0, 19),
        Weight.HANDLED,
        "RESTIC_HOST and --host are mixed up",
        "RESTIC_HOST и --host путаются",
    ),
    _of(
        "rclone",
        "CVE-2026-59733, GHSA-45pq-889g-fcgh",
        (1, 75),
        Weight.REFUSE,
        "--private-repos can be walked around",
        "--private-repos можно обойти",
    ),
    _of(
        "rclone",
        "rclone/rclone#9925",
        (),
        Weight.WARN,
        "append-only may overwrite when the storage fails or two uploads race: keep the bucket versioned",
        "режим append-only может перезаписать объект при сбое хранилища или гонке: держите версии в корзине",
    ),
)


def defects_of(engine: str, release: Release) -> tuple[Defect, ...]:
    """What is known to be wrong with this release of the engine."""
    return tuple(defect for defect in KNOWN if defect.engine == engine and defect.touches(release))


def release_in(said: str) -> Release | None:
    """The first version number in what a program says of itself: `pg_dump (PostgreSQL) 17.2 (Debian …)` → (17, 2)."""
    match = _NUMBER.search(said[:1000])
    return tuple(int(part) for part in match.group(1).split(".")) if match else None


def fork_in(server_version: str) -> str | None:
    """Which fork of PostgreSQL the server's `version()` names; None for PostgreSQL itself."""
    told = server_version[:1000].lower().replace(" ", "")
    return next((name for mark, name in _FORKS if mark in told), None)
