"""Why a restore point stays or goes, for whoever looks at it at night."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from clmdeploy.backups.standing import Standing
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.faults import printable

HALTED = Bilingual("nothing is removed now", "сейчас ничего не удаляется")
NOTHING_VERIFIED = Bilingual(
    "no point has been read back whole: without one nothing is removed; run clmdeploy backup verify",
    "ни одна точка не прочитана обратно целиком: без этого ничего не удаляется; выполните clmdeploy backup verify",
)
SPOILED = Bilingual(
    "damaged or incomplete, so no rule counts it", "повреждена или неполна, поэтому ни одно правило её не учитывает"
)
NO_RULE = Bilingual("no rule keeps it", "ни одно правило её не удерживает")
_PERIODS_RU = {"day": "дня", "week": "недели", "month": "месяца"}


def among_last(number: int, last: int) -> Bilingual:
    return Bilingual(f"number {number} of the last {last}", f"{number}-я из последних {last}")


def newest_of(period: Literal["day", "week", "month"], name: str) -> Bilingual:
    which = Bilingual(period, _PERIODS_RU[period])
    return Bilingual(f"newest of the {which} {name}", f"новейшая {russian(which)} {name}")


def too_old(days: int) -> Bilingual:
    return Bilingual(f"older than {days} days, and not among the last", f"старше {days} дней и не из последних")


def newest_verified(when: datetime) -> Bilingual:
    at = when.isoformat(timespec="minutes")
    return Bilingual(f"the newest that was read back whole ({at})", f"новейшая из прочитанных обратно целиком ({at})")


def pinned(standing: Standing) -> Bilingual:
    why = f": {printable(standing.reason)}" if standing.reason else ""
    by, at = printable(standing.by), standing.at.isoformat(timespec="minutes")
    return Bilingual(f"pinned by {by} at {at}{why}", f"закреплена: {by}, {at}{why}")


def needed_by_change(change: str) -> Bilingual:
    return Bilingual(f"open change {change} needs it", f"нужна открытому изменению {change}")


def needed_by_rollback(release: str) -> Bilingual:
    return Bilingual(f"a rollback to {release} needs it", f"нужна для отката на {release}")


def stands_on_it(point_id: str) -> Bilingual:
    return Bilingual(
        f"{point_id}, which stays, stands on its backup", f"на её копии стоит {point_id}, которая остаётся"
    )


def stranger_stands_on_it(holding: str) -> Bilingual:
    return Bilingual(
        f"{holding}, which no point owns, stands on its backup",
        f"на её копии стоит {holding}, без точки восстановления",
    )


def unbelievable(fault: str) -> Bilingual:
    return Bilingual(
        f"the catalogue is not known for sure: {fault}", f"каталог не известен достоверно: {russian(fault)}"
    )


def running(who: str) -> Bilingual:
    return Bilingual(
        f"a backup or restore runs: {who}", f"идёт резервное копирование или восстановление: {russian(who)}"
    )


def from_the_future(latest: datetime, now: datetime) -> Bilingual:
    point, clock = latest.isoformat(timespec="minutes"), now.isoformat(timespec="minutes")
    return Bilingual(
        f"a point was completed at {point}, and the clock here says {clock}: one of the two clocks is wrong",
        f"точка завершена в {point}, а часы здесь показывают {clock}: одни из двух часов неверны",
    )


def needed_but_gone(point_id: str, who: str) -> Bilingual:
    return Bilingual(f"{who} needs {point_id}, which is not there", f"{point_id} нужна для {who}, но её нет")


def lacks(point_id: str, first: str, count: int) -> Bilingual:
    more = f" (+{count - 1})" if count > 1 else ""
    return Bilingual(
        f"{point_id} can't be restored: its repository does not list {first}{more}",
        f"{point_id} восстановить нельзя: в репозитории нет {first}{more}",
    )


def stranger(holding: str, point_id: str | None) -> Bilingual:
    if point_id is None:
        return Bilingual(f"{holding} was made by hand: left alone", f"{holding}: создано вручную, не трогаем")
    return Bilingual(
        f"{holding} was made for {printable(point_id, 80)}, which the catalogue does not know: left alone",
        f"{holding}: создано для {printable(point_id, 80)}, которой нет в каталоге, не трогаем",
    )


def to_be_finished(point_id: str) -> Bilingual:
    return Bilingual(
        f"the removal of {point_id} was cut off: it is to be finished",
        f"удаление {point_id} прервано: его надо завершить",
    )
