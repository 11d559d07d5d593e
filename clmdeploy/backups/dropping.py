"""What listing and dropping works of all engines tell, and how they say that something did not go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from clmdeploy.backups.point import Holding
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.work import Arguments, Found, WorkFailed
from clmdeploy.model.bilingual import Bilingual

LISTING = 32 * 1024 * 1024
"""bytes of a listing that are told whole: 10,000 backups"""
NOTE = "clm-point"
"""under which the point that it was made for is noted on a backup or snapshot"""


def told(arguments: Arguments, listed: Sequence[Listed]) -> Found:
    """All of it for whoever asks; its count where it is a step's result, which is journalled (`brief`)."""
    if arguments.get("brief"):
        return {"count": len(listed)}
    return {"listed": [one.model_dump(mode="json") for one in listed]}


def told_dropped(wanted: Sequence[Holding], present: Collection[Holding]) -> Found:
    """Raises WorkFailed where one of them is still listed: engines exit with 0 although nothing went."""
    left = [one for one in wanted if one in present]
    if left:
        raise WorkFailed(_still_there(str(left[0]), len(left)), _BY_HAND)
    return {"dropped": [str(one) for one in wanted]}


_BY_HAND = Bilingual(
    "the engine said nothing of it: run the same by hand on the backup host, and read what it says",
    "сам инструмент об этом не сообщил: выполните то же вручную на узле резервного копирования и прочтите ответ",
)


def _still_there(first: str, count: int) -> Bilingual:
    more = f" (+{count - 1})" if count > 1 else ""
    return Bilingual(
        f"{first}{more} should be gone, and is still listed", f"{first}{more}: должно быть удалено, но есть"
    )
