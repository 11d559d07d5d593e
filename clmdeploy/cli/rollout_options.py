"""What `deploy` and `rollback` let an administrator choose, and the options of all commands that change something."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from clmdeploy.model.version import Version
    from clmdeploy.queries.wishes import Choices

Function = TypeVar("Function", bound=Callable[..., Any])  # Any: click passes what each command's options say

LONGEST_REASON = 500
LONGEST_WAIT = 86400


def version_text(text: str) -> Version:
    """A release's version. Raises BadParameter."""
    from clmdeploy.model.version import Version

    try:
        return Version(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def reason_text(text: str) -> str:
    """A sentence for the journal: one line, not empty, no control characters. Raises BadParameter."""
    stripped = text.strip()
    if not stripped or len(stripped) > LONGEST_REASON or not stripped.isprintable():
        raise click.BadParameter(f"a reason is one line of 1 to {LONGEST_REASON} printable characters")
    return stripped


def batch_size(text: str) -> int | str:
    """A number of hosts, or a share of them; which of these make sense is the settings' own rule."""
    return int(text) if text.isdecimal() and len(text) < 9 else text


def host_names(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Host names with commas between. Raises BadParameter."""
    if isinstance(text, tuple):  # the default
        return text
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(names):
        raise click.BadParameter(f"{text[:80]!r} is no list like app1,app2")
    return names


@dataclass(frozen=True)
class Output:
    """How a command that changes something tells what happens."""

    events: bool = False
    junit: Path | None = None


@dataclass(frozen=True)
class Consent:
    """What was said in advance, so that nobody has to be asked."""

    yes: bool = False
    confirm: str | None = None


@dataclass(frozen=True)
class RolloutOptions:
    """Every option of `deploy` and `rollback` but the version."""

    strategy: str | None = None
    batch: int | str | None = None
    canary: int | None = None
    limit: tuple[str, ...] = ()
    on_failure: str | None = None
    tolerate: int | None = None
    soak: int | None = None
    hotfix: str | None = None
    no_restore_point: str | None = None
    accept_outage: str | None = None
    stop_backup: bool = False
    offline: bool = False
    instead_of: str | None = None
    reason: str | None = None
    dry_run: bool = False
    plan_out: Path | None = None
    propose: bool = False
    lease_wait: int = 0

    @property
    def acts(self) -> bool:
        """Whether more is wanted than a plan."""
        return not self.dry_run and self.plan_out is None and not self.propose

    @property
    def flags(self) -> str:
        """What whoever types the command again must not forget: a forgotten --limit would be all hosts."""
        chosen = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in _OF_ONE_RUN}
        given = [
            (name, value) for name, value in chosen.items() if not (value is None or value is False or value == ())
        ]
        return "".join(f" --{name.replace('_', '-')}{_as_typed(value)}" for name, value in given)

    def choices(self, usual_canary: int) -> Choices:
        """In the words of the planners. `usual_canary`: what the environment's settings say."""
        from clmdeploy.queries.wishes import Choices

        canary = {None: None, "rolling": 0, "all-at-once": 0, "canary": usual_canary or 1}[self.strategy]
        batch = "100%" if self.strategy == "all-at-once" else None
        reasons = {name: getattr(self, name) for name in ("hotfix", "no_restore_point", "accept_outage")}
        reasons["offline"] = self.reason if self.offline else None
        return Choices(
            limit=self.limit, canary=canary if self.canary is None else self.canary,
            at_once=batch if self.batch is None else self.batch,
            on_failure=self.on_failure, tolerate=self.tolerate, soak=self.soak,
            reasons={name: why for name, why in reasons.items() if why},
        )  # fmt: skip


_OF_ONE_RUN = ("dry_run", "plan_out", "propose", "lease_wait")


def _as_typed(value: object) -> str:
    if value is True:
        return ""
    return " " + shlex.quote(",".join(value) if isinstance(value, tuple) else str(value))


def rollout_options(function: Function) -> Function:
    """The options of RolloutOptions, Consent and Output, gathered into `options`, `consent` and `output`."""
    return _added(
        _gathering(function),
        _DRY_RUN,
        click.option(
            "--plan-out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
            help="Write the signed plan for `change apply`, and stop.",
        ),
        click.option("--propose", is_flag=True, help="Store the signed plan for `change approve`, and stop."),
        click.option(
            "--strategy", type=click.Choice(["rolling", "all-at-once", "canary"]),
            help="rolling: no canary; all-at-once: one batch; canary: watch some first.  [default: as clm.yml says]",
        ),
        click.option("--batch", type=batch_size, metavar="N|N%", help="Hosts switched at once."),
        click.option("--canary", type=click.IntRange(0, 100), metavar="N", help="Hosts switched first and watched."),
        click.option("--soak", type=click.IntRange(0, 86400), metavar="SECONDS", help="How long to watch them."),
        click.option("--limit", type=host_names, default=(), metavar="HOST,HOST", help="Only these hosts."),
        click.option(
            "--on-failure", type=click.Choice(["stop", "take-back-batch", "take-back-all", "tolerate"]),
            help="What a failed host means for the rest.",
        ),
        click.option("--tolerate", type=click.IntRange(1, 100), metavar="N", help="Hosts that may fail."),
        click.option("--hotfix", type=reason_text, metavar="REASON", help="Shorter soak; the reason is recorded."),
        click.option(
            "--no-restore-point", type=reason_text, metavar="REASON",
            help="Change the schema without a restore point; the reason is recorded.",
        ),
        *_ACTING,
    )  # fmt: skip


def acting_options(function: Function) -> Function:
    """What applies to every command that changes something: `--reason`, `--lease-wait`, consent and output."""
    return _added(_gathering(function), *_ACTING)


def planning_options(function: Function) -> Function:
    """The same, for commands that make a plan of their own and can only show it."""
    return _added(_gathering(function), _DRY_RUN, *_ACTING)


def consenting_options(function: Function) -> Function:
    """For what only lets others act: `--reason` and consent."""
    return _added(_gathering(function), *_CONSENTING, _TELLING[0])


def watching_options(function: Function) -> Function:
    """For `resume` and `abort`, which ask nothing."""
    return _added(_gathering(function), *_TELLING)


_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show exactly the plan that would be applied, and stop.")
_TELLING = (
    click.option("--reason", type=reason_text, metavar="TEXT", help="Why, for the journal."),
    click.option("--events", is_flag=True, help="Print what happens as JSON, one object a line."),
    click.option(
        "--junit",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Write the outcome of every step and host as JUnit XML.",
    ),
)
_CONSENTING = (
    click.option("--yes", "-y", is_flag=True, help="Don't ask."),
    click.option("--confirm", metavar="NAME", help="The environment's name: allows what is dangerous."),
)
_ACTING = (
    *_CONSENTING,
    click.option(
        "--lease-wait",
        type=click.IntRange(0, LONGEST_WAIT),
        default=0,
        metavar="SECONDS",
        help="Wait this long while somebody else is at work.",
    ),
    *_TELLING,
)


def _added(function: Function, *options: Callable[[Function], Function]) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


def _gathering(function: Function) -> Function:
    """Options arrive as three values instead of two dozen."""
    kinds = {"options": RolloutOptions, "consent": Consent, "output": Output}

    @functools.wraps(function)
    def gathered(*arguments: Any, **given: Any) -> Any:  # Any: whatever click found on the command line
        for name, kind in kinds.items():
            own = {one.name: given.pop(one.name) for one in fields(kind) if one.name in given}
            given |= {name: kind(**own)} if own else {}
        return function(*arguments, **given)

    return gathered  # type: ignore[return-value]  # the same command to click
