"""Asks the backup host what the archive has: how far the log reaches on each timeline, and how those came about."""

from __future__ import annotations

from datetime import datetime

from clmdeploy.backups.archive_reach import MOST, ArchiveFacts, Line
from clmdeploy.backups.point import RestorePoint
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue

ASK = 300  # seconds: a listing of a large archive


def log_leads_to(engines: Performer, environment: str, host: Host, stanza: str, point: RestorePoint) -> bool:
    """Whether the archive has all of the log from the point's backup to its name. Raises HostUnreachable: no answer is
    not the answer that it is gone.
    """
    wal = point.database.wal
    if wal is None:
        return False
    arguments: dict[str, JsonValue] = {
        "stanza": stanza, "label": point.database.label, "start": wal.start, "until": wal.until.name,
        "segment_size": wal.segment_size, "tells": True,
    }  # fmt: skip
    outcome = _asked(engines, environment, host, "pgbackrest-restorable", arguments)
    if not outcome.is_done:
        raise HostUnreachable(outcome.complaint(host.name), _MEND)
    return bool(outcome.result["whole"])


def archive_facts(engines: Performer, environment: str, host: Host, stanza: str, at: datetime | None) -> ArchiveFacts:
    """`at`: the moment whose segment is looked for. Raises HostUnreachable when the backup host can't tell."""

    def ask(act: str, more: dict[str, JsonValue]) -> dict[str, JsonValue]:
        outcome = _asked(engines, environment, host, act, {"stanza": stanza} | more)
        if not outcome.is_done:
            raise HostUnreachable(outcome.complaint(host.name), _MEND)
        return outcome.result

    moment: dict[str, JsonValue] = {"at": at.isoformat() if at is not None else None}
    outline = ask("pgbackrest-archive-outline", moment)
    told = ask("pgbackrest-archive", moment | {"directories": outline["directories"]})
    lines = tuple(Line.model_validate(one) for one in told["lines"])
    forked = [line for line in lines if line.history][-MOST:]
    texts = ask("pgbackrest-histories", {"paths": [line.history for line in forked]})["texts"] if forked else []
    return ArchiveFacts(lines=lines, texts=dict(zip((line.timeline for line in forked), texts, strict=True)))


def _asked(engines: Performer, environment: str, host: Host, act: str, arguments: dict[str, JsonValue]) -> Outcome:
    one = Guarded(
        key=host.name, host=host, environment=environment, guard="ask", verb="ask", act=act, timeout=ASK,
        arguments=arguments,
    )  # fmt: skip
    return engines.perform([one], lambda _key, _outcome: None)[host.name]


_MEND = Bilingual(
    "the archive of the log must be readable: clmdeploy doctor tells more",
    "архив журнала должен читаться: подробнее скажет clmdeploy doctor",
)
