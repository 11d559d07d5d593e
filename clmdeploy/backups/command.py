"""A command as a value: what to run, under which variables, and where secrets come from.

Adapters run it, nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import InvalidInput

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_SECRET_OPTION = re.compile(
    r"--?(?:repo\d*-(?:cipher-pass|s3-(?:key|key-secret|token|sse-customer-key)|\w+-passphrase)"
    r"|(?:s3-)?(?:secret-access-key|access-key-id|session-token)|pass|password|password-command)(?:=.*)?",
    re.DOTALL,
)
_SECRET_ADDRESS = re.compile(r"://[^/@\s]*:[^/@\s]+@")


@dataclass(frozen=True)
class Command:
    """One call of an engine. Arguments that are paths of bytes carry them as `os.fsdecode` does.

    `secrets` names, for each environment variable, the file that an adapter reads its value from at the moment of
    use: neither arguments nor this value ever hold a secret. `environment` is shown in plans and logs. Raises
    InvalidInput for what no engine could get, or would show to everybody in the process list.
    """

    argv: tuple[str, ...]
    timeout: float
    """seconds until it is ended: SIGTERM first, SIGKILL after a minute (pgBackRest before 2.58 may hang in SIGTERM,
    #2710)
    """
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    user: str = "root"
    """account on the host"""
    keep: int = 1024 * 1024
    """bytes of standard output that are told whole; of more, both ends"""
    blanks: str = ""
    """a regular expression: what it matches in standard output is told as ones, since nobody needs it and it can't be
    compressed
    """
    shows: str = ""
    """what a line has in it that tells how far the command is"""
    awaits: tuple[str, ...] = ()
    """run again, within the time limit, until the output has all of these in it"""
    again: tuple[int, ...] = ()
    """exit codes after which it is run again, for `patience`"""
    patience: float = 0.0
    """seconds from its first start"""

    def __post_init__(self) -> None:
        if not self.argv or not self.argv[0]:
            raise InvalidInput(Bilingual("a command without a program", "команда без программы"))
        if not _ACCOUNT.fullmatch(self.user):
            raise _refused(self, "that is no account", "такой учётной записи быть не может")
        if not 0 < self.timeout < float("inf"):
            raise _refused(self, "a time limit above 0 s is needed", "нужен предел времени больше 0 с")
        if any("\0" in text for text in (*self.argv, *self.environment.values(), *self.secrets.values())):
            raise _refused(self, "an argument holds a NUL byte", "в аргументе есть нулевой байт")
        if any(_SECRET_OPTION.fullmatch(text) or _SECRET_ADDRESS.search(text) for text in self.argv):
            raise _refused(self, "a secret stands among the arguments", "среди аргументов есть секрет")
        self._check_variables()

    def _check_variables(self) -> None:
        strange = [name for name in (*self.environment, *self.secrets) if not _VARIABLE.fullmatch(name)]
        twice = sorted(self.environment.keys() & self.secrets.keys())
        if strange or twice:
            names = ", ".join(repr(name[:60]) for name in strange + twice)
            raise _refused(
                self, f"environment variables to be refused: {names}", f"недопустимые переменные среды: {names}"
            )


def _refused(command: Command, en: str, ru: str) -> InvalidInput:
    program, why = command.argv[0][:80], Bilingual(en, ru)
    return InvalidInput(Bilingual(f"{program}: {why}", f"{program}: {russian(why)}"))


@dataclass(frozen=True)
class Completed:
    """How a command ended. Adapters bound both outputs; `stdout` is empty where it was read as a stream."""

    code: int
    """exit code; negative: the number of the signal that ended it"""
    stdout: bytes = b""
    stderr: bytes = b""
    cut: bool = False
    """whether lines in the middle of `stdout` are left out"""
    late: bool = False
    """whether it had not ended, or not brought what was awaited, in its time"""
