"""`clmdeploy backup`: restore points. One module a verb, imported when that verb is called."""

from __future__ import annotations

import click

from clmdeploy.cli.lazy import LazyCommand, LazyGroup

VERBS = {
    name: LazyCommand(f"clmdeploy.cli.{module}", attribute, short_help)
    for name, module, attribute, short_help in (
        ("setup", "backup_setup", "setup", "Prepare the backup host, the databases and the hosts with files."),
        ("create", "backup_create", "create", "Make a restore point: database, files and release as one set."),
        ("list", "backup_list", "list_points", "The restore points, newest first."),
        ("show", "backup_show", "show", "Everything about one restore point."),
        ("verify", "backup_verify", "verify", "Read back what is stored, and name the points that damage spoils."),
        ("pin", "backup_pin", "pin", "Keep a restore point until it is unpinned."),
        ("unpin", "backup_pin", "unpin", "Leave a restore point to the rules of retention again."),
        ("expire", "backup_expire", "expire", "Remove the restore points that no rule keeps."),
    )
}


@click.group(cls=LazyGroup, lazy=VERBS, short_help="Make, list, verify, keep and remove restore points.")
def backup() -> None:
    """Restore points: database, files and release as one set, each whole or not there."""
