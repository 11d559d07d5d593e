"""What a restore would lose: for how long was written since, and how many rows, as the database itself counts. Pure."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, Field

from clmdeploy.backups.point import Counters, RestorePoint
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.value import Text, Value
from clmdeploy.planners.restore_wish import ClusterFacts, RestoreWish


class Written(Value):
    """Rows, those of transactions that were rolled back among them: so there may be fewer, never more."""

    inserted: int = Field(ge=0)
    updated: int = Field(ge=0)
    deleted: int = Field(ge=0)

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.deleted


class Loss(Value):
    """What was written between the moment that comes back, and now."""

    since: AwareDatetime = Field(description="the moment that comes back, by the database server's clock where it told")
    seconds: int = Field(ge=0)
    written: Written | None = Field(None, description="none where it can't be counted")
    counted_from: str | None = Field(None, description="the earlier point that was counted from: then it is a bound")
    uncounted: Text = Field("", description="why it can't be counted")


def loss_of(wish: RestoreWish, now: datetime) -> Loss | None:
    """None where no database is replaced, or all that was archived comes back.

    `now`: the control node's clock, where the server's is not known.
    """
    choice, primary = wish.choice, wish.primary
    if not wish.scope.database or wish.scope.directory or choice.target.kind == "default":
        return None
    before, after = choice.base.database.counters, primary.counters
    since = choice.at or before.at or choice.base.completed
    until = after.at if after is not None and after.at is not None else now
    seconds = max(0, int((until - since).total_seconds()))
    why = _uncountable(choice.base, primary)
    if why or after is None:
        return Loss(since=since, seconds=seconds, uncounted=why)
    written = Written(
        inserted=after.inserted - before.inserted, updated=after.updated - before.updated,
        deleted=after.deleted - before.deleted,
    )  # fmt: skip
    return Loss(since=since, seconds=seconds, written=written, counted_from=choice.base.id if choice.at else None)


def _uncountable(point: RestorePoint, primary: ClusterFacts) -> str:
    """Empty where the two counts are of one and the same count."""
    before, after, host = point.database.counters, primary.counters, primary.host.name
    if after is None:
        fault = primary.fault or "-"
        return Bilingual(f"the database on {host} can't be read: {fault}", f"база на {host} не читается: {fault}")
    if point.database.system_id != primary.system_id or point.database.timeline != primary.timeline:
        return _ANOTHER_LINE
    if not before.statistics:
        return Bilingual(f"{point.id} does not tell how it was counted", f"в {point.id} не сказано, как велся счёт")
    if before.statistics != after.statistics or _has_fallen(before, after):
        return _BEGAN_ANEW
    return ""


def _has_fallen(before: Counters, after: Counters) -> bool:
    return after.inserted < before.inserted or after.updated < before.updated or after.deleted < before.deleted


_ANOTHER_LINE = Bilingual(
    "the database was restored, or a standby promoted, since: another server counted",
    "с тех пор базу восстанавливали или повышали реплику: счёт вёл другой сервер",
)
_BEGAN_ANEW = Bilingual(
    "the server has begun to count anew since: its statistics were reset, or it crashed",
    "с тех пор сервер начал счёт заново: статистику сбросили, или он аварийно завершился",
)
