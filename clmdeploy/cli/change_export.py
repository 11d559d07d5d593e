"""`clmdeploy change export`: everything of one change in an archive for the third support line, secrets taken out."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation

if TYPE_CHECKING:
    from clmdeploy.queries.change_archive import Gap, Member
    from clmdeploy.queries.change_export import ChangeExport
    from clmdeploy.runtime import Runtime


@click.command(short_help="An archive for the third support line.")
@click.argument("change_id", metavar="[ID]", required=False)
@environment_option
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Which file.  [default: clm-export-ID.tar.gz]"
)
@json_option
@pass_invocation
def export(invocation: Invocation, change_id: str | None, environment: str, out: Path | None) -> None:
    """Write all that is known of a change, by default the newest, into an archive that may be handed on.

    Plan, events, approvals and leases, settings, versions, facts, results and logs of its hosts for its time. Secrets
    are taken out; look through it all the same before it leaves the house. What can't be reached is named and left out.
    """
    from clmdeploy.queries.change_export import gather_export
    from clmdeploy.queries.change_record import find_record
    from clmdeploy.runtime import Runtime
    from clmdeploy.runtime.export import places, redaction, sources

    with closing(Runtime.of(invocation.inventories, environment)) as runtime:
        record = find_record(places(runtime), change_id)
        redact, unread = redaction(runtime)
        gathered = gather_export(record, sources(runtime, redact))
        gaps = [*gathered.gaps, *(_unknown_secret(error.message) for error in unread)]
        path = out or Path(f"clm-export-{record.id}.tar.gz")
        members = _write(invocation, runtime, gathered, gaps, path)
    _tell(invocation, gathered, gaps, members, path)


def _unknown_secret(cause: str) -> Gap:
    from clmdeploy.queries.change_archive import Gap

    return Gap(what="a secret to take out", cause=cause)


def _write(
    invocation: Invocation, runtime: Runtime, gathered: ChangeExport, gaps: list[Gap], path: Path
) -> list[Member]:
    from clmdeploy.cli.output_file import output_file
    from clmdeploy.queries.change_archive import Member, manifest_of, write_archive

    record, now = gathered.record, runtime.clock.now()
    about = {
        "environment": runtime.environment.name, "change": record.id, "source": record.place.name,
        "made": now.isoformat(timespec="seconds"), "by": runtime.who.model_dump(mode="json"),
    }  # fmt: skip
    readme = invocation.say("export.readme", change=record.id, environment=runtime.environment.name)
    members = [*gathered.members, Member("README.txt", readme.encode())]
    members.append(manifest_of(about, members, gaps))
    with output_file(path) as file:
        write_archive(file, f"clm-export-{record.id}", members, int((gathered.ended or now).timestamp()))
    return members


def _tell(invocation: Invocation, gathered: ChangeExport, gaps: list[Gap], members: list[Member], path: Path) -> None:
    from clmdeploy.model.faults import printable

    redactions = sum(one.redactions for one in members)
    if invocation.json:
        told = {"format": "change-export/1", "change": gathered.record.id, "source": gathered.record.place.name}
        counts = {"members": len(members), "redactions": redactions, "size": path.stat().st_size}
        missing = [gap.model_dump() for gap in gaps]
        click.echo(json.dumps({**told, "file": str(path), **counts, "missing": missing}, ensure_ascii=False))
        return
    click.echo(invocation.say("export.done", file=path, count=len(members), redactions=redactions))
    for gap in gaps:
        click.echo(invocation.say("export.missing", what=printable(gap.what), cause=printable(gap.cause)), err=True)
