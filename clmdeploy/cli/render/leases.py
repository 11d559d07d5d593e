"""Leases: who holds which, why and since when."""

from __future__ import annotations

from collections.abc import Mapping

from clmdeploy.changes.lease_document import HOST_SETUP, LeaseDocument
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.changes import who_words
from clmdeploy.cli.render.console import make_console, make_table, moment
from clmdeploy.cli.render.endings import command
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue


def show_leases(
    invocation: Invocation, environment: str, documents: Mapping[str, LeaseDocument | None], zone: str
) -> None:
    """One row a lease; its token only with `--verbose`; and what to do when the holder's machine is gone."""
    columns = ["lease", "state", "who", "when", "change", "reason", *(["token"] if invocation.verbose else [])]
    table = make_table(invocation, *columns)
    for scope, document in documents.items():
        if document is None or not document.held:
            token = "" if document is None else str(document.token)
            cells = [scope, invocation.say("lease.free"), "", "", "", "", token]
        else:
            state = invocation.say("lease.by_hand" if document.manual else "lease.held")
            cells = [
                scope, state, who_words(document.who), moment(document.since, zone),
                document.change, printable(document.reason), str(document.token),
            ]  # fmt: skip
        table.add_row(*cells[: len(columns)])
    console = make_console()
    console.print(table)
    for scope, document in documents.items():
        if document is not None and document.held and document.manual:
            words = command(invocation, f"lease release -e {environment} --scope {scope}")
            console.print(invocation.say("lease.ends_with", command=words), soft_wrap=True)
    fleet = documents.get("fleet")
    if fleet is not None and fleet.held and not fleet.manual:
        preparing = fleet.change == HOST_SETUP
        words = command(invocation, f"{'host setup' if preparing else 'change resume'} -e {environment}")
        console.print(invocation.say("lease.if_gone", command=words), soft_wrap=True)


def lease_json(document: LeaseDocument | None) -> dict[str, JsonValue] | None:
    """As stored, without the nonce; None when it was never taken."""
    return None if document is None else document.model_dump(mode="json", exclude={"nonce"})
