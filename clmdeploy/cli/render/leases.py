"""Leases: who holds which, why and since when."""

from __future__ import annotations

from collections.abc import Mapping

from clmdeploy.changes.lease import LeaseDocument
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.changes import who_words
from clmdeploy.cli.render.console import make_console, make_table, moment
from clmdeploy.model.faults import printable
from clmdeploy.model.value import JsonValue


def show_leases(invocation: Invocation, documents: Mapping[str, LeaseDocument | None], zone: str) -> None:
    """One row a lease; its token only with `--verbose`."""
    columns = ["lease", "state", "who", "when", "change", "reason", *(["token"] if invocation.verbose else [])]
    table = make_table(invocation, *columns)
    for scope, document in documents.items():
        if document is None or not document.held:
            token = "" if document is None else str(document.token)
            cells = [scope, invocation.say("lease.free"), "", "", "", "", token]
        else:
            cells = [
                scope, invocation.say("lease.held"), who_words(document.who), moment(document.since, zone),
                document.change, printable(document.reason), str(document.token),
            ]  # fmt: skip
        table.add_row(*cells[: len(columns)])
    make_console().print(table)


def lease_json(document: LeaseDocument | None) -> dict[str, JsonValue] | None:
    """As stored, without the nonce; None when it was never taken."""
    return None if document is None else document.model_dump(mode="json", exclude={"nonce"})
