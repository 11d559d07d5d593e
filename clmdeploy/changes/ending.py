"""How a run of a change ended: what the face tells, and with which exit code."""

from __future__ import annotations

from typing import Literal

from clmdeploy.changes.ledger import Ledger
from clmdeploy.model.errors import ExitCode
from clmdeploy.model.value import Text, Value


class Failure(Value):
    """One host's failure at one step."""

    step: str
    host: str
    status: str
    message: Text


class Ending(Value):
    """The outcome of a change, or of this part of it."""

    change: str
    state: Literal["done", "taken-back", "partly", "stopped", "paused", "nothing-to-do"]
    failures: tuple[Failure, ...] = ()
    owed: tuple[str, ...] = ()
    """hosts that owe an undo: they take no other work until resume or abort has settled it"""
    dropped: tuple[str, ...] = ()
    """hosts that failed, were taken back alone and left out"""
    changed: bool = True
    """whether anything differs from before"""

    @property
    def exit_code(self) -> ExitCode:
        match self.state:
            case "done":
                return ExitCode.FAILED_PARTLY if self.dropped else ExitCode.DONE
            case "nothing-to-do":
                return ExitCode.DONE
            case "paused":
                return ExitCode.PAUSED
            case "taken-back":
                return ExitCode.FAILED_UNCHANGED
            case "stopped" | "partly":
                return ExitCode.FAILED_PARTLY if self.changed else ExitCode.FAILED_UNCHANGED


def owed_hosts(ledger: Ledger) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target.subject for _, target in ledger.owed()))
