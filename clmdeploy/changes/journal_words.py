"""What people are told of a journal that is not to be believed. Pure."""

from __future__ import annotations

from clmdeploy.model.bilingual import Bilingual

Words = tuple[str, str]
"""message and hint"""

FIND_OUT = Bilingual(
    "find out who wrote there; control nodes keep a copy of what they wrote",
    "выясните, кто туда писал; у управляющих узлов есть копия того, что они писали",
)
BEHEADED = (
    Bilingual(
        "the journal has events but no signed head: somebody removed it",
        "в журнале есть события, но нет подписанной вершины: её кто-то удалил",
    ),
    Bilingual(
        "find out who; control nodes keep a copy of what they wrote",
        "выясните кто; у управляющих узлов есть копия того, что они писали",
    ),
)


def gone(key: str) -> Words:
    """What was stored under the key."""
    return Bilingual(f"{key} is gone", f"{key}: больше нет"), FIND_OUT


def misplaced(event: str) -> str:
    """The chain does not run through it."""
    return Bilingual(
        f"journal event {event} is missing, edited or out of order",
        f"событие журнала {event} пропало, изменено или не на своём месте",
    )


def unsigned(key: str) -> Words:
    """The signed head names another event under this key."""
    message = Bilingual(
        f"journal event {key} is not the one that the signed head names",
        f"событие журнала {key} — не то, что названо в подписанной вершине",
    )
    return message, FIND_OUT


def unplanned(key: str) -> Words:
    """The event is about a step that the plan does not have."""
    message = Bilingual(
        f"journal event {key} is about a step that is not planned",
        f"событие журнала {key} — о шаге, которого нет в плане",
    )
    return message, FIND_OUT


def unreadable(key: str, faults: int) -> str:
    """No event, or none that this tool could have written."""
    return Bilingual(
        f"journal event {key} can't be read: {faults} faults", f"событие журнала {key} не читается: ошибок {faults}"
    )


def exchanged(key: str) -> Words:
    """A plan that may be good, but not for this change."""
    return (
        Bilingual(f"{key} is not the plan that the journal announced", f"{key} — не тот план, что объявлен в журнале"),
        Bilingual(
            "find out who wrote it there, and put the right one back: control nodes keep a copy",
            "выясните, кто его туда записал, и верните верный: у управляющих узлов есть копия",
        ),
    )
