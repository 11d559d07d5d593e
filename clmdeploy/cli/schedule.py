"""`clmdeploy schedule`: jobs that run by themselves. One module a verb, imported when that verb is called."""

from __future__ import annotations

import click

from clmdeploy.cli.lazy import LazyCommand, LazyGroup

VERBS = {
    name: LazyCommand(f"clmdeploy.cli.{module}", attribute, short_help)
    for name, module, attribute, short_help in (
        ("install", "schedule_install", "install", "Put the jobs of clm.yml onto the backup host."),
        ("list", "schedule_list", "list_jobs", "What is installed, what ran, what was missed."),
        ("remove", "schedule_remove", "remove", "Take all of it away again."),
        ("run", "schedule_run", "run_job", "One run of a job, as its timer starts it."),
        ("conclude", "schedule_run", "conclude", "After a run: metrics, and word of one that was killed."),
        ("check", "schedule_run", "check", "Look for runs that never were, and whether the keys still work."),
    )
}


@click.group(cls=LazyGroup, lazy=VERBS, short_help="Backups that run by themselves: install, list, remove.")
def schedule() -> None:
    """Jobs on the backup host that make, verify and expire restore points by themselves (docs/schedule.md)."""
