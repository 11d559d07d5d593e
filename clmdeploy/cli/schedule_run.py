"""`clmdeploy schedule run`, `conclude` and `check`: what the units on the backup host call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.model.errors import ClmError, ExitCode

if TYPE_CHECKING:
    from clmdeploy.backups.metrics import Measures
    from clmdeploy.queries.scheduled import News
    from clmdeploy.runtime import Runtime

job_argument = click.argument("job", metavar="JOB")


@click.command("run", short_help="One run of a job, as its timer starts it.")
@job_argument
@environment_option
@json_option
@pass_invocation
def run_job(invocation: Invocation, job: str, environment: str) -> None:
    """Run a job of clm.yml now, the way its timer does: unattended, with its ledger. The exit code is the command's.

    What an earlier run left open, with nobody at work on it, is settled first. JOB is one that `schedule list` shows.
    """
    from clmdeploy.cli import main
    from clmdeploy.config.scheduled_inventory import schedule_of
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        jobs, wait = runtime.schedule.jobs, schedule_of(runtime.environment).deadline
        wanted = jobs.job(job)
        run = jobs.begin(wanted)
        _settle(invocation, runtime)
        code = main.run([*_globals(invocation), *wanted.words(environment, wait)])
        _tell(invocation, runtime, [jobs.end(wanted, run, code)])
    raise click.exceptions.Exit(code)


@click.command(short_help="After a run: metrics, and word of one that was killed.")
@job_argument
@environment_option
@json_option
@pass_invocation
def conclude(invocation: Invocation, job: str, environment: str) -> None:
    """After a run's process has ended, however it did: write the metrics, and tell people of a run that was killed or
    of times at which none began. Units call this with ExecStopPost=."""
    from clmdeploy.cli.render.schedule import check_json
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        jobs = runtime.schedule.jobs
        news = jobs.conclude(jobs.job(job))
        _tell(invocation, runtime, [news])
        jobs.publish(_measures(runtime)[0])
    if invocation.json:
        click.echo(json.dumps(check_json(environment, [news] if news.wrong or news.misses else [])))


@click.command(short_help="Look for runs that never were, and whether the keys still work.")
@environment_option
@json_option
@pass_invocation
def check(invocation: Invocation, environment: str) -> None:
    """Look for runs that went down with their host and for times at which none began; tell people; write the metrics.
    Then see that these keys still sign, and reach the storage and every host.

    Exit code 10 when a run was missed or cut off, 4 when something can't be reached.
    """
    from clmdeploy.cli.render.schedule import check_json
    from clmdeploy.queries.scheduled import refuse_unable
    from clmdeploy.runtime import Runtime

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        jobs = runtime.schedule.jobs
        news = jobs.check()
        _tell(invocation, runtime, news)
        measures, fault = _measures(runtime)
        jobs.publish(measures)
        refuse_unable(runtime.environment, runtime.hosts, runtime.signer, runtime.verifier)
        for journal in runtime.journals:
            journal.believed_head()
        if fault is not None:
            raise fault
    if invocation.json:
        click.echo(json.dumps(check_json(environment, news)))
    if news:
        raise click.exceptions.Exit(int(ExitCode.VERIFICATION_FAILED))


def _globals(invocation: Invocation) -> Sequence[str]:
    place = ["--inventories", str(invocation.inventories)] if invocation.inventories else []
    return [*place, "--lang", invocation.language]


def _settle(invocation: Invocation, runtime: Runtime) -> None:
    """A backup that a killed run left open keeps all later ones out."""
    from clmdeploy.cli import main
    from clmdeploy.queries.changes import settling_verb
    from clmdeploy.queries.left_open import changes_left_open, for_a_job

    journal = runtime.data_journal
    try:
        found = for_a_job(changes_left_open((journal,), runtime.leases), runtime.who.principal)
        verbs = [("abort" if one.kind == "backup" else settling_verb(journal, one), one.id) for one in found]
    except ClmError as error:  # the command itself will say so, and tell people
        click.echo(invocation.told(error.message), err=True)
        return
    for verb, change in verbs:
        words = ("change", verb, change, "-e", runtime.environment.name, "--reason", "left open by an earlier run")
        main.run([*_globals(invocation), *words, "--json"])


def _tell(invocation: Invocation, runtime: Runtime, news: Sequence[News]) -> None:
    """Those whom clm.yml names; without any, the unit's journal has it."""
    from clmdeploy.cli.notices import retry_notices
    from clmdeploy.cli.render.notices import show_delivery
    from clmdeploy.cli.schedule_notices import notices_of

    courier = runtime.courier
    for notice in notices_of(invocation, runtime, news):
        click.echo(notice.subject, err=True)
        if courier is not None:
            show_delivery(invocation, courier.send(notice))
    retry_notices(invocation, runtime)


def _measures(runtime: Runtime) -> tuple[Measures, ClmError | None]:
    """What the storage says; where it says nothing, metrics of the runs are written all the same."""
    from clmdeploy.backups.metrics import Measures
    from clmdeploy.queries.points import points_of
    from clmdeploy.queries.scheduled import measures_of, wal_lag
    from clmdeploy.runtime.verification import BackupReach

    try:
        watch = BackupReach(runtime).log_watch
        lag = wal_lag(watch.look(), runtime.clock.now().timestamp()) if watch is not None else None
        return measures_of(points_of(runtime.points, runtime.marks), lag), None
    except ClmError as error:
        return Measures(), error
