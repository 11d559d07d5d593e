"""Asking before something is changed: y or N, and the environment's name where it is dangerous."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.questions import is_attended
from clmdeploy.cli.rollout_options import Consent
from clmdeploy.model.bilingual import Bilingual, Language, joined, russian
from clmdeploy.model.errors import NothingChanged, UsageError

if TYPE_CHECKING:
    from clmdeploy.changes.plan import Plan
    from clmdeploy.planners.loss import Loss
    from clmdeploy.planners.outlook import Outlook

LANGUAGES: tuple[Language, Language] = ("en", "ru")


def refuse_other_name(invocation: Invocation, consent: Consent, environment: str) -> None:
    """Raises UsageError before anything is asked of anybody, when the name that was given is another environment's."""
    if consent.confirm is not None and consent.confirm != environment:
        raise UsageError(
            invocation.both("confirm.other_name", given=consent.confirm, environment=environment),
            f"-e {consent.confirm}",
        )


def refuse_unanswerable(invocation: Invocation, consent: Consent) -> None:
    """Raises UsageError when there is something to do, and nobody could say yes to it."""
    if consent.confirm is None and not consent.yes and not is_attended():
        raise UsageError(invocation.both("confirm.no_terminal"), invocation.both("confirm.no_terminal_hint"))


def confirm(
    invocation: Invocation, consent: Consent, plan: Plan, question: str = "confirm.go_on",
    outlook: Outlook | None = None,
) -> None:  # fmt: skip
    """Returns when the answer to `question`, a key of the catalogue, is yes.

    Raises UsageError naming the missing flag, or NothingChanged when the answer is no.
    """
    if consent.confirm == plan.environment:
        return
    dangers = _dangers(invocation, plan, outlook)
    if dangers:
        _ask_name(invocation, plan.environment, joined("; ", dangers))
    elif not consent.yes and not click.confirm(invocation.say(question), default=False, err=True):
        raise NothingChanged(invocation.both("confirm.declined"))


def _dangers(invocation: Invocation, plan: Plan, outlook: Outlook | None) -> list[str]:
    found: list[str] = []
    if outlook is not None and outlook.loss is not None:
        found.append(loss_danger(invocation, outlook.loss))
    if plan.irreversible:
        found.append(invocation.both("confirm.irreversible"))
    if plan.verdict.kind != "safe" and plan.kind == "rollback":
        found.append(invocation.both("confirm.verdict", verdict=plan.verdict.kind))
    if plan.environment.split("-")[0] == "production":
        found.append(invocation.both("confirm.production"))
    return found


def loss_danger(invocation: Invocation, loss: Loss) -> str:
    """What would be gone, in both languages."""
    from clmdeploy.cli.render.outlook import loss_words

    en, ru = (loss_words(replace(invocation, language=one), loss) for one in LANGUAGES)
    return Bilingual(invocation.both("confirm.loses", loss=en), russian(invocation.both("confirm.loses", loss=ru)))


def _ask_name(invocation: Invocation, environment: str, why: str) -> None:
    if not is_attended():
        raise UsageError(invocation.both("confirm.dangerous", why=why), f"--confirm {environment}")
    click.echo(invocation.told(why), err=True)
    question = invocation.say("prompt.confirm_environment", environment=environment)
    if click.prompt(question, default="", show_default=False, err=True) != environment:
        raise NothingChanged(invocation.both("confirm.declined"))
