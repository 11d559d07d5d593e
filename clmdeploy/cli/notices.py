"""Notices as commands need them: written in this run's terms, retried, and for a timer: of what was left open."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from typing import TYPE_CHECKING

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.endings import command
from clmdeploy.cli.render.notices import show_delivery
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput, UsageError
from clmdeploy.notices.composition import Composer, Errand
from clmdeploy.notices.notice import LANGUAGES, Notice

if TYPE_CHECKING:
    from clmdeploy.notices.courier import Delivery
    from clmdeploy.queries.changes import ChangeSummary
    from clmdeploy.queries.status import FleetStatus, RecordStatus
    from clmdeploy.runtime import Runtime


def composer_of(invocation: Invocation, runtime: Runtime) -> Composer:
    """Writes this environment's notices, in every language whatever this run's own is."""
    return Composer(
        voices={language: dataclasses.replace(invocation, language=language).say for language in LANGUAGES},
        command=lambda words: command(invocation, words), zone=runtime.environment.settings.time_zone,
        now=runtime.clock.now, nonce=lambda: secrets.token_hex(16),
    )  # fmt: skip


def retry_notices(invocation: Invocation, runtime: Runtime) -> None:
    """Try once more what could not be handed over before. Where nothing waits, no secret is read."""
    if not runtime.notifies:
        return
    with contextlib.suppress(InvalidInput):  # a place that can't be read has nothing to be sent
        if runtime.outbox.kept() and runtime.courier is not None:
            for delivery in runtime.courier.retry():
                show_delivery(invocation, delivery)


def refuse_untold(runtime: Runtime) -> None:
    """Raises UsageError when nobody is named whom one could tell."""
    if not runtime.notifies:
        path = runtime.environment.directory / "clm.yml"
        raise UsageError(
            Bilingual(f"{path}: notify: names nobody to tell", f"{path}: notify: оповещать некого"),
            Bilingual("docs/configuration.md shows the section notify", "раздел notify описан в docs/configuration.md"),
        )


def tell_left_open(
    invocation: Invocation, runtime: Runtime, fleet: FleetStatus, record: RecordStatus
) -> list[Delivery]:
    """One notice for each change that was left open, and once only: what was told is remembered on this machine."""
    from clmdeploy.queries.left_open import changes_left_open

    courier = runtime.courier
    if courier is None or record.fault:
        return []
    found = changes_left_open(runtime.journals, runtime.leases)
    told = [courier.send_once(_notice(invocation, runtime, one, fleet)) for one in found]
    deliveries = [one for one in told if one is not None]
    for delivery in deliveries:
        show_delivery(invocation, delivery)
    return deliveries


def _notice(invocation: Invocation, runtime: Runtime, found: ChangeSummary, fleet: FleetStatus) -> Notice:
    from clmdeploy.queries.aftermath import left_open
    from clmdeploy.queries.chains import journal_with
    from clmdeploy.queries.changes import settling_verb

    environment = runtime.environment.name
    errand = Errand(environment, found.title, "", found.who, found.reason)
    verb = settling_verb(journal_with(runtime.journals, found.id), found)
    aftermath = left_open(found, verb, environment, fleet)
    return composer_of(invocation, runtime).notice(errand, aftermath, "open", "notice.left_open")
