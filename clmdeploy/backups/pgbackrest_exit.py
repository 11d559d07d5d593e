"""pgBackRest's exit codes (src/build/error/error.yaml of 2.55): each error ends the process with its own number."""

from __future__ import annotations

import re

from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Ending, Outcome, plain_ending
from clmdeploy.backups.output import shown
from clmdeploy.model.bilingual import Bilingual

_ERROR = re.compile(rb"^(?:P\d{2} +)?ERROR: \[(\d{3})\]: (.*)$", re.MULTILINE)
_UNCHECKED = re.compile(rb"^(?:P\d{2} +)?WARN: (unable to check pg.*)$", re.MULTILINE)
_TAIL = 256 * 1024

_KINDS: dict[Outcome, tuple[int, ...]] = {
    Outcome.HELD: (50,),
    Outcome.INTERRUPTED: (63,),
    Outcome.MISSING: (55, 73, 75),
    Outcome.DAMAGED: (26, 28, 29, 95, 99),
    Outcome.UNAVAILABLE: (39, 42, 49, 56, 57, 64, 82, 101, 102, 103),
    Outcome.REFUSED: (
        *(
            27,
            30,
            31,
            32,
            37,
            38,
            40,
            43,
            44,
            45,
            46,
            48,
            51,
            58,
            62,
            67,
            68,
            69,
            70,
            72,
            76,
            78,
            80,
            81,
            83,
            87,
            88,
            89,
        ),
        *(93, 96, 105, 106),
    ),
}
_OUTCOMES = {code: outcome for outcome, codes in _KINDS.items() for code in codes}

_REMEDIES = {
    38: Bilingual("Stop PostgreSQL on that host first", "Сначала остановите PostgreSQL на этом узле"),
    39: Bilingual("Both ends must run the same pgBackRest version", "На обеих сторонах нужна одна версия pgBackRest"),
    46: Bilingual(
        "A fork or a newer PostgreSQL: use the pgdump engine", "Форк или новая версия PostgreSQL: используйте pgdump"
    ),
    50: Bilingual("Another backup or expiry runs: wait for it", "Идёт другое копирование или удаление: дождитесь его"),
    58: Bilingual(
        "The database is another one, or on another timeline, than its backups",
        "База или её линия времени не та, что в копиях",
    ),
    62: Bilingual(
        "`pgbackrest stop` was given on that host: run `pgbackrest start`",
        "На узле выполнен `pgbackrest stop`: выполните `pgbackrest start`",
    ),
    75: Bilingual(
        "No backup fits that label or moment: see backup list",
        "Нет копии с такой меткой или на этот момент: см. backup list",
    ),
    82: Bilingual(
        "WAL did not arrive in time: see archive_command in the database's log",
        "WAL не пришёл вовремя: см. archive_command в журнале базы",
    ),
    87: Bilingual("Set archive_mode to on", "Включите archive_mode"),
    95: Bilingual("The passphrase is not the one of this repository", "Пароль шифрования не от этого хранилища"),
}


def ending(completed: Completed) -> Ending:
    """How a pgBackRest command ended. 0 says nothing of `verify`, of `info`, or of `expire` for an unknown label."""
    plain = plain_ending(completed.code)
    if plain is not None:
        return plain
    code, said = completed.code, _said(completed)
    outcome = _OUTCOMES.get(code, Outcome.FAILED)
    words = Bilingual(f"pgBackRest ended with {code}: {said}", f"pgBackRest завершился с кодом {code}: {said}")
    return Ending(outcome, words, remedy(code))


def remedy(code: int) -> Bilingual:
    """What to do about an error of this number; empty where nothing is known."""
    return _REMEDIES.get(code, Bilingual("", ""))


def _said(completed: Completed) -> str:
    """The error that ended it, and why no server would do (56).

    Faults of options are told on standard output; 104 only counts the errors before it.
    """
    said = completed.stderr[-_TAIL:] or completed.stdout[-_TAIL:]
    found = list(_ERROR.finditer(said))
    if not found:
        return shown(said.strip().rsplit(b"\n", 1)[-1])
    told = found[0 if completed.code == 104 else -1][2]
    return shown(b"; ".join((told, *_UNCHECKED.findall(said)[:2]))) if completed.code == 56 else shown(told)
