"""Notices to test with, written by the real composer in the real words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clmdeploy.changes.ending import Failure
from clmdeploy.changes.events import Who
from clmdeploy.cli.context import Invocation
from clmdeploy.model.errors import ExitCode
from clmdeploy.notices.composition import Composer, Errand
from clmdeploy.notices.notice import LANGUAGES, Notice, Occasion
from clmdeploy.queries.aftermath import Aftermath

WHO = Who(principal="admin@lab", user="deploy", host="ci-7", job="https://ci.example.com/jobs/7")
ERRAND = Errand("lab", "Deploy clm 1.3.0", "deploy 1.3.0 -e lab", WHO, "nightly")
CHANGE = "20260701-090000000-deploy-b7fc"
FAILURE = Failure(step="switch", host="app1", status="failed", message="health check answers 500")
TAKEN_BACK = Aftermath(
    change=CHANGE, state="taken-back", exit_code=ExitCode.FAILED_UNCHANGED, failures=(FAILURE,),
    runs={"1.2.0-0a1b2c3d": ["app1", "app2"]}, next=f"change show {CHANGE} -e lab",
)  # fmt: skip


def composer() -> Composer:
    """At nine in the morning, Greenwich time, in Moscow."""
    return Composer(
        voices={language: Invocation(language=language).say for language in LANGUAGES},
        command=lambda words: f"clmdeploy {words}", zone="Europe/Moscow",
        now=lambda: datetime(2026, 7, 1, 9, 0, tzinfo=UTC), nonce=lambda: "00ff" * 8,
    )  # fmt: skip


def notice(
    aftermath: Aftermath = TAKEN_BACK, occasion: Occasion = "failed", remark: str = "", nonce: str = "", **errand: Any
) -> Notice:
    """A deploy that failed and took itself back, unless something else is said. `errand`: fields of it."""
    made = composer().notice(replace(ERRAND, **errand), aftermath, occasion, remark)
    return made.model_copy(update={"id": nonce}) if nonce else made
