"""restic's exit codes (doc/075_scripting.rst): those that are not known are failures, as it demands."""

from __future__ import annotations

from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Ending, Outcome, plain_ending
from clmdeploy.backups.output import Unintelligible, shown
from clmdeploy.backups.restic_output import ExitError, message
from clmdeploy.model.bilingual import Bilingual, russian

_ENDINGS = {
    3: (Outcome.PARTIAL, "some files could not be read", "часть файлов не прочитана"),
    10: (Outcome.MISSING, "there is no repository", "хранилища нет"),
    11: (Outcome.HELD, "the repository is locked", "хранилище заблокировано"),
    12: (Outcome.REFUSED, "wrong repository password", "неверный пароль хранилища"),
    130: (Outcome.INTERRUPTED, "interrupted", "прервано"),
}
_NO_FAULT = ("failed", "ошибка")


def ending(completed: Completed) -> Ending:
    """How a restic command ended. 0 says nothing of paths that did not exist (#4467), nor of `forget` (#5233)."""
    plain = plain_ending(completed.code)
    if plain is not None:
        return plain
    outcome, en, ru = _ENDINGS.get(completed.code, (Outcome.FAILED, *_NO_FAULT))
    why, said, code = Bilingual(en, ru), _last_words(completed.stderr), completed.code
    return Ending(
        outcome, Bilingual(f"restic: {why} (code {code}): {said}", f"restic: {russian(why)} (код {code}): {said}")
    )


def _last_words(stderr: bytes) -> str:
    """Why it gave up; where it does not tell (a panic, a wrong flag), its last line."""
    written = [raw for raw in stderr[-65536:].splitlines() if raw.strip()]
    for raw in reversed(written):
        try:
            told = message(raw)
        except Unintelligible:
            continue
        if isinstance(told, ExitError):
            return shown(told.message)
    return shown(written[-1]) if written else ""
