"""What the catalogue says to people."""

from __future__ import annotations

from collections.abc import Sequence

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput

_LOOK_AGAIN = Bilingual("look again: clmdeploy backup list", "посмотрите ещё раз: clmdeploy backup list")


def no_such_point(point_id: str, near: Sequence[str]) -> InvalidInput:
    """`near`: IDs of points that there are."""
    told = Bilingual(f"there is no restore point {point_id[:80]!r}", f"точки восстановления {point_id[:80]!r} нет")
    if not near:
        return InvalidInput(told, Bilingual("make one: clmdeploy backup create", "создайте: clmdeploy backup create"))
    names = ", ".join(near)
    return InvalidInput(told, Bilingual(f"the nearest that are: {names}", f"ближайшие из имеющихся: {names}"))


def ambiguous(text: str, first: Sequence[str], count: int) -> InvalidInput:
    """`first`: some of the `count` points whose IDs begin like that."""
    more = f" (+{count - len(first)})" if count > len(first) else ""
    return InvalidInput(
        Bilingual(f"{count} restore points begin with {text!r}", f"с {text!r} начинаются {count} точек восстановления"),
        Bilingual(f"name one of: {', '.join(first)}{more}", f"назовите одну из: {', '.join(first)}{more}"),
    )


def raced_standing(point_id: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(
            f"somebody pinned, unpinned or began to remove {point_id} at the same moment: nothing was changed",
            f"кто-то в тот же миг закрепил, открепил или начал удалять {point_id}: ничего не изменено",
        ),
        _LOOK_AGAIN,
    )


def manifest_gone(key: str) -> Bilingual:
    return Bilingual(
        f"{key} is gone from the state bucket: it was there before",
        f"{key} пропал из бакета состояния: раньше он там был",
    )


def moved(whose: str) -> Bilingual:
    return Bilingual(f"it belongs to {whose}", f"относится к {whose}")


def raced(key: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(f"{key} is another restore point under the same ID", f"{key} — другая точка под тем же ID"),
        Bilingual("run the command again: it takes another ID", "повторите команду: ID будет другим"),
    )


def pinned_meanwhile(point_id: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(
            f"{point_id} is pinned, or its pin was changed just now: it stays",
            f"{point_id} закреплена, или закрепление только что изменили: она остаётся",
        ),
        _LOOK_AGAIN,
    )


def going_already(point_id: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(
            f"the removal of {point_id} has begun: it can't be pinned any more",
            f"удаление {point_id} уже началось: закрепить её нельзя",
        ),
        Bilingual("make another: clmdeploy backup create", "создайте другую: clmdeploy backup create"),
    )


def not_going(point_id: str) -> tuple[Bilingual, Bilingual]:
    return (
        Bilingual(f"the removal of {point_id} never began", f"удаление {point_id} не начиналось"),
        _LOOK_AGAIN,
    )
