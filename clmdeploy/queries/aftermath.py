"""After a change, or an attempt at one: what runs where, is that safe, and the one command to type next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clmdeploy.backups.point import point_of_change
from clmdeploy.changes.ending import Ending, Failure
from clmdeploy.changes.plan import Plan
from clmdeploy.changes.standing_words import dirty_words, instead_words
from clmdeploy.changes.superseding import superseded_by
from clmdeploy.model.bilingual import Bilingual, lines
from clmdeploy.model.errors import ClmError, ExitCode, HeldByHand, PointOfNoReturn
from clmdeploy.model.value import Text, Value
from clmdeploy.planners.drift import again
from clmdeploy.queries.changes import ChangeSummary
from clmdeploy.queries.status import FleetStatus

State = Literal[
    "done", "nothing-to-do", "taken-back", "partly", "stopped", "paused", "lease-held", "unknown", "not-begun"
]
LEASE_WAIT = 600  # seconds; suggested to who found the lease taken


@dataclass(frozen=True)
class Again:
    """The command as it was typed, without the program's name. `waits`: it has --lease-wait."""

    now: str
    waits: bool = True

    @property
    def later(self) -> str:
        """Once whoever is at work has ended."""
        return f"{self.now} --lease-wait {LEASE_WAIT}" if self.waits else self.now


@dataclass(frozen=True)
class Behind:
    """What a change that did not end well has behind it. Nothing, where its journal could not be read."""

    passed: bool = False
    """a step without a way back has acted"""
    point: str | None = None
    """the restore point of what stood before"""


_NO_POINT = Bilingual(
    "no restore point was made; those that there were stand as before",
    "точка восстановления не создана; прежние остались как были",
)


class Aftermath(Value):
    """What `--json` prints at the end of every change; `next` is a command line without the program's name."""

    format: Literal["ending/1"] = "ending/1"
    change: str | None
    state: State
    exit_code: ExitCode
    failures: tuple[Failure, ...] = ()
    owed: tuple[str, ...] = ()
    """hosts that owe an undo"""
    dropped: tuple[str, ...] = ()
    """hosts that failed, were taken back alone and left out"""
    runs: dict[str, list[str]] = {}
    """release directory → hosts, as found after the change; hosts without a release under an empty name"""
    silent: tuple[str, ...] = ()
    """hosts that could not be asked"""
    drained: tuple[str, ...] = ()
    """BALANCER:BACKEND/SERVER that this tool keeps out of rotation"""
    unhealthy: tuple[str, ...] = ()
    dirty: tuple[str, ...] = ()
    """the last whole version of a schema in which a later migration stands half-done; empty when it is clean"""
    point: str | None = None
    """the restore point that was made"""
    message: Text = ""
    next: str | None = None

    @property
    def is_good(self) -> bool:
        return self.exit_code == ExitCode.DONE

    @property
    def is_seen(self) -> bool:
        """Whether any host was asked afterwards."""
        return bool(self.runs or self.silent)

    @property
    def safe(self) -> bool:
        """Whether what runs can be left alone: everybody answers, is well and in rotation, and nobody owes anything."""
        return (self.is_seen or self.is_good) and not concerns(self) and self.state != "unknown"

    def without_storage(self, environment: str, reason: str) -> Aftermath:
        """Of work that is journalled on its control node alone: it is gone on with from there."""
        following = self.next or ""
        if "--offline" in following:
            return self
        if following.startswith(("change resume", "change abort")):
            following += " --offline"
        elif following.startswith("change"):
            following = f"status -e {environment} --probe"
        elif following.startswith("rollback"):
            following += f" --offline --reason {shlex.quote(reason or 'TEXT')}"
        return self.model_copy(update={"next": following or None})


def is_rollout(plan: Plan) -> bool:
    """Whether it changes what runs, so that its ending is told by that."""
    return plan.kind in ("deploy", "rollback")


def after_success(plan: Plan, change: str | None) -> Aftermath:
    """All went well: the plan says what runs where now, or what was done where that is no release.

    `change`: None when there was nothing to do.
    """
    runs = {plan.to_release or "": list(plan.expected.get("hosts", {}))}
    rolls = is_rollout(plan)
    point = point_of_change(change, 1) if change and plan.kind == "backup" else None
    return Aftermath(
        change=change, state="done" if change else "nothing-to-do", exit_code=ExitCode.DONE,
        runs=runs if rolls else {}, message="" if rolls else plan.title,
        point=point, next=f"backup show {point} -e {plan.environment}" if point else None,
    )  # fmt: skip


def after_ending(ending: Ending, plan: Plan, fleet: FleetStatus, behind: Behind) -> Aftermath:
    """A change ended otherwise than well."""
    dirty = bool(_dirty(fleet))
    return _with_fleet(
        fleet, message=_told(ending, plan, behind, dirty=dirty), change=ending.change, state=ending.state,
        exit_code=ending.exit_code, failures=ending.failures, owed=ending.owed, dropped=ending.dropped,
        next=_next(ending, plan, behind, dirty=dirty),
    )  # fmt: skip


def _told(ending: Ending, plan: Plan, behind: Behind, *, dirty: bool) -> str:
    """Beside what failed. Of what only goes forward, or has left a schema half-done: the restore that may follow."""
    if ending.state == "stopped" and (behind.passed or superseded_by(plan)):
        return instead_words(plan.environment, behind.point)
    if ending.state == "partly" and dirty and behind.point:
        return dirty_words(plan.environment, behind.point)
    return _NO_POINT if plan.kind == "backup" else ""


def after_trouble(error: ClmError, environment: str, again: Again, fleet: FleetStatus, change: str | None) -> Aftermath:
    """The run broke off with `error`; `change` is its ID when it had begun, and then its outcome is not known."""
    state, code = _state_of(error, change), error.exit_code
    return _with_fleet(
        fleet, change=change, state=state, exit_code=ExitCode.UNKNOWN if state == "unknown" else code,
        message=_with_hint(error), next=_after(error, state, environment, again),
    )  # fmt: skip


def after_refusal(error: ClmError, environment: str, again: Again, fleet: FleetStatus) -> Aftermath:
    """There was not even a plan."""
    state = _state_of(error, None)
    return _with_fleet(
        fleet, change=None, state=state, exit_code=error.exit_code,
        message=_with_hint(error), next=_after(error, state, environment, again),
    )  # fmt: skip


def cut_off(change: str | None, environment: str, again: str, message: str = "") -> Aftermath:
    """The run ended where nobody foresaw it, and no host was asked. `change`: None when it had not begun."""
    return Aftermath(
        change=change, state="unknown" if change else "not-begun", exit_code=ExitCode.UNEXPECTED, message=message,
        next=f"change resume -e {environment}" if change else again,
    )  # fmt: skip


def left_open(
    summary: ChangeSummary, verb: Literal["resume", "abort"], environment: str, fleet: FleetStatus
) -> Aftermath:
    """A change that somebody must settle, found while nobody was at work on it. `verb`: what to advise."""
    states: Mapping[str, State] = {"open": "unknown", "paused": "paused", "stopped": "stopped"}
    return _with_fleet(
        fleet, change=summary.id, state=states.get(summary.state, "partly"), exit_code=ExitCode.UNKNOWN,
        owed=summary.owed, next=f"change {verb} {summary.id} -e {environment}",
    )  # fmt: skip


def concerns(aftermath: Aftermath) -> Sequence[tuple[str, str]]:
    """What keeps this from being safe: the kind, and who."""
    kinds = ("owed", "dirty", "drained", "unhealthy", "silent")
    return [(kind, ", ".join(getattr(aftermath, kind))) for kind in kinds if getattr(aftermath, kind)]


def _with_fleet(fleet: FleetStatus, **fields: object) -> Aftermath:
    return Aftermath.model_validate(
        {
            **fields, "runs": fleet.runs, "silent": fleet.silent, "unhealthy": fleet.unhealthy,
            "drained": tuple(fleet.drained), "dirty": _dirty(fleet),
        }
    )  # fmt: skip


def _dirty(fleet: FleetStatus) -> tuple[str, ...]:
    schema = fleet.schema_state
    return (str(schema.version),) if schema is not None and schema.dirty else ()


def _with_hint(error: ClmError) -> str:
    return lines(words for words in (error.message, error.hint) if words)


def _after(error: ClmError, state: State, environment: str, again: Again) -> str:
    """Once the cause is mended: the same again, but where that can't help."""
    if state == "unknown" or isinstance(error, PointOfNoReturn):
        return f"change resume -e {environment}"
    waiting_helps = state == "lease-held" and not isinstance(error, HeldByHand)
    return again.later if waiting_helps else again.now


def _state_of(error: ClmError, change: str | None) -> State:
    if isinstance(error, PointOfNoReturn):
        return "stopped"
    if change is not None or error.exit_code == ExitCode.UNKNOWN:
        return "unknown"
    return "lease-held" if error.exit_code == ExitCode.LEASE_HELD else "not-begun"


def _next(ending: Ending, plan: Plan, behind: Behind, *, dirty: bool) -> str | None:
    environment = plan.environment
    if dirty and ending.state == "partly" and not ending.owed:
        return f"change show {ending.change} -e {environment}"  # no command mends a schema: people must look
    match ending.state:
        case "done" | "partly" if ending.owed:
            return f"change abort -e {environment}"  # nothing else begins before that is settled
        case "paused":
            return f"change resume -e {environment}"
        case "stopped":
            return f"change {'resume' if behind.passed or superseded_by(plan) else 'abort'} -e {environment}"
        case "partly":
            return _one_release(plan)
        case "done":
            return again(plan) if ending.dropped else None
        case "taken-back" | "nothing-to-do":
            return f"change show {ending.change} -e {environment}"


def _one_release(plan: Plan) -> str:
    """Batches that went well keep the new release: the way to one release everywhere is back, where there is one."""
    before = plan.from_release
    if plan.kind != "deploy" or before is None or "," in before:
        return again(plan)
    return again(plan.model_copy(update={"kind": "rollback", "to_release": before}))
