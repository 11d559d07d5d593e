"""What people are told of a change that stands in their way, or that can't be gone on with. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from clmdeploy.changes.lease_document import settling_hint
from clmdeploy.model.bilingual import Bilingual, joined, russian

Words = tuple[str, str]
"""message and hint"""


def instead_words(environment: str, safety: str | None) -> str:
    """Of what can't reach its end: a restore takes its place. `safety`: what stood before it."""
    point = safety or "POINT"
    again = f"`clmdeploy restore {point} -e {environment}`"
    if safety is None:
        return Bilingual(
            f"if it can't reach its end, a restore takes its place: {again}",
            f"если завершить его нельзя, его сменит восстановление: {again}",
        )
    return Bilingual(
        f"if it can't reach its end, a restore takes its place; what stood before it: {again}",
        f"если завершить его нельзя, его сменит восстановление; то, что было до него: {again}",
    )


def dirty_words(environment: str, point: str) -> str:
    """Of a migration that stands half-done, and of what stood before it."""
    again = f"`clmdeploy restore {point} -e {environment}`"
    return Bilingual(
        f"what stood before the migration, if it can't be mended by hand: {again}",
        f"то, что было до миграции, если её нельзя исправить вручную: {again}",
    )


def open_words(change: str, environment: str, safety: str | None = None) -> Words:
    """Nobody finished it. `safety`: of one that gives way to a restore, the point of what stood before."""
    message = Bilingual(
        f"change {change} stands open: it was paused, stopped or cut off",
        f"изменение {change} не завершено: приостановлено, остановлено или прервано",
    )
    hint = settling_hint(change, environment)
    return message, joined("; ", [hint, instead_words(environment, safety)]) if safety else hint


def passed_words(change: str, environment: str, passed: Sequence[str], safety: str | None = None) -> Words:
    """It can't be taken back. `passed`: titles of the steps without a way back."""
    steps, resume = ", ".join(passed), f"`clmdeploy change resume {change} -e {environment}`"
    instead = instead_words(environment, safety)
    return (
        Bilingual(
            f"change {change} is past a point of no return: {steps}",
            f"у изменения {change} пути назад уже нет: {steps}",
        ),
        joined("; ", [Bilingual(f"finish it with {resume}", f"завершите его: {resume}"), instead]),
    )


def owed_words(host: str, change: str, environment: str) -> Words:
    """An undo could not run there."""
    abort = f"`clmdeploy change abort {change} -e {environment}`"
    return (
        Bilingual(
            f"{host} still owes an undo of change {change}: its state is not known to be whole",
            f"на {host} не выполнен откат изменения {change}: состояние узла не определено",
        ),
        Bilingual(
            f"bring {host} back, then run {abort}; or leave it out with --limit",
            f"верните {host} в строй, затем выполните {abort}; или исключите его с помощью --limit",
        ),
    )


def closed_words(change: str, environment: str, state: str) -> Words:
    """There is nothing left to settle."""
    message = Bilingual(f"change {change} is closed: {state}", f"изменение {change} уже закрыто: {state}")
    return message, listing_hint(environment)


def listing_hint(environment: str) -> str:
    """Where all changes can be seen."""
    listing = f"`clmdeploy change list -e {environment}`"
    return Bilingual(f"{listing} shows all changes", f"все изменения: {listing}")


def silenced_words(change: str, environment: str, cause: str) -> Words:
    """The storage fell silent while it acted."""
    resume = f"`clmdeploy change resume -e {environment}`"
    return (
        Bilingual(
            f"the storage fell silent in the middle of change {change}: {cause}",
            f"хранилище замолчало посреди изменения {change}: {russian(cause)}",
        ),
        Bilingual(f"once it answers again: {resume}, or abort", f"когда оно снова ответит: {resume} (или abort)"),
    )


def overtaken_hint(environment: str) -> str:
    """Every host listens to somebody else."""
    ship, renew = f"`clmdeploy journal ship -e {environment}`", f"`clmdeploy lease renew -e {environment}`"
    return Bilingual(
        f"{ship} on the control node that worked without the storage; if it is lost, or the bucket was restored from "
        f"an older copy: {renew}",
        f"{ship} на управляющем узле, который работал без хранилища; если он утрачен или бакет восстановлен из старой "
        f"копии: {renew}",
    )
