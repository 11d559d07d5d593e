"""Why a moment can't be restored, and what can, in both languages. Times are UTC here: zones are the face's affair."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from clmdeploy.backups.wal import Gap
from clmdeploy.model.bilingual import Bilingual

LIST = Bilingual("see clmdeploy backup list for the points", "точки показывает clmdeploy backup list")


def spelled(moment: datetime) -> str:
    """2026-01-31T23:59:59.000042Z; microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def dumps_only(newest: str) -> tuple[str, str]:
    return (
        Bilingual(
            "these restore points hold dumps of the database: no point in time can be reached, only a point itself",
            "в этих точках восстановления лежат дампы базы: достижимы только сами точки, а не моменты времени",
        ),
        Bilingual(f"clmdeploy restore {newest}, the newest of them", f"clmdeploy restore {newest} — новейшая из них"),
    )


def ahead_of_the_log(at: datetime, first: datetime | None, end: datetime) -> tuple[str, str]:
    asked, last = spelled(at), spelled(end)
    since = spelled(first) if first else last
    return (
        Bilingual(
            f"the archived log ends with the transaction of {last}, before {asked}; any moment from {since} to {last} "
            "can be reached",
            f"журнал в архиве кончается транзакцией {last}, раньше чем {asked}; достижим любой момент с {since} по "
            f"{last}",
        ),
        Bilingual("to have all that was archived: --at end", "взять всё, что есть в архиве: --at end"),
    )


def before_all(at: datetime, first: datetime) -> tuple[str, str]:
    asked, earliest = spelled(at), spelled(first)
    return (
        Bilingual(
            f"no restore point leads to {asked}: the earliest moment is {earliest}",
            f"ни одна точка восстановления не ведёт к {asked}: самый ранний момент — {earliest}",
        ),
        LIST,
    )


def no_point_fits() -> tuple[str, str]:
    return (
        Bilingual(
            "no restore point leads there: there is none on this timeline of the database",
            "ни одна точка восстановления туда не ведёт: на этой линии времени базы их нет",
        ),
        LIST,
    )


def between_lines(at: datetime, left: datetime, right: datetime | None) -> tuple[str, str]:
    asked, since, until = spelled(at), spelled(left), spelled(right) if right else "now"
    return (
        Bilingual(
            f"between {since} and {until} the database went over to another timeline, and nobody wrote down when: it "
            f"is not known which of the two {asked} means",
            f"между {since} и {until} база перешла на другую линию времени, и когда именно — не записано: неизвестно, "
            f"которую из двух означает {asked}",
        ),
        Bilingual(
            "name the restore point instead of a moment: clmdeploy backup list",
            "назовите вместо момента точку восстановления: clmdeploy backup list",
        ),
    )


def unfit(label: str, listed: bool) -> tuple[str, str]:
    words = (
        Bilingual(f"backup {label} has pages with wrong checksums", f"в копии {label} есть страницы с ошибками")
        if listed
        else Bilingual(f"the repository has no backup {label}", f"в хранилище нет копии {label}")
    )
    return words, LIST


def log_lacks(gaps: Sequence[Gap], until: datetime | None = None) -> tuple[str, str]:
    """`until`: when the last segment before the first gap was stored."""
    count, first = sum(gap.count for gap in gaps), str(gaps[0])
    return (
        Bilingual(
            f"the archive lacks {count} segments of the log that recovery would read, {first} first",
            f"в архиве не хватает сегментов журнала, нужных для восстановления: {count}, первый {first}",
        ),
        Bilingual(
            "choose a point whose log is whole: clmdeploy backup verify tells",
            "выберите точку с целым журналом: это покажет clmdeploy backup verify",
        )
        if until is None
        else Bilingual(
            f"the log is whole until about {spelled(until)}: choose a moment before that, or a point behind the gap",
            f"журнал цел примерно до {spelled(until)}: выберите момент раньше или точку после пропуска",
        ),
    )


def too_long(segments: int) -> tuple[str, str]:
    """More log lies between the backup and the moment than can be listed."""
    return (
        Bilingual(
            f"recovery would read {segments} segments of the log: too many to make sure that none is missing",
            f"восстановление прочтёт сегментов журнала: {segments}: слишком много, чтобы проверить, все ли на месте",
        ),
        Bilingual("choose a point that is nearer to the moment", "выберите точку ближе к этому моменту"),
    )


def history_lacks(name: str) -> tuple[str, str]:
    return (
        Bilingual(
            f"the archive lacks {name}: without it recovery finds no way onto that timeline",
            f"в архиве нет {name}: без него восстановление не перейдёт на эту линию времени",
        ),
        Bilingual(
            "put it back from pg_wal of a database host that has it, or choose a point of another timeline",
            "верните его из pg_wal узла базы, где он есть, или выберите точку другой линии времени",
        ),
    )


def snapshot_lacks(path: str, snapshot: str) -> tuple[str, str]:
    return (
        Bilingual(
            f"the repository has no snapshot {snapshot[:12]} of {path}",
            f"в хранилище нет снимка {snapshot[:12]}: {path}",
        ),
        LIST,
    )
