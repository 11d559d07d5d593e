"""Guarded acts over SSH: what asks single hosts. Hosts in parallel, the acts of one host in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from paramiko import SSHException

from clmdeploy.adapters.connections import Connections
from clmdeploy.adapters.wire import guard_command, read_reply, request_text
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import OutcomeListener
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.tasks.exchange import exchange

PARALLEL = 20
GRACE = 75  # seconds beyond the act's own limit: the guard ends the unit and still answers


class SshPerformer:
    """Implements the Performer port over Fabric connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def perform(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        """See `clmdeploy.changes.ports.Performer`."""
        by_host: dict[str, list[Guarded]] = {}
        for act in acts:
            by_host.setdefault(act.host.name, []).append(act)
        outcomes: dict[str, Outcome] = {}
        with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="ssh") as pool:
            for part in pool.map(lambda few: self._in_order(few, listen), by_host.values()):
                outcomes |= part
        return outcomes

    def _in_order(self, acts: Sequence[Guarded], listen: OutcomeListener) -> dict[str, Outcome]:
        outcomes = {}
        for act in acts:
            outcomes[act.key] = self._one(act)
            listen(act.key, outcomes[act.key])
        return outcomes

    def _one(self, act: Guarded) -> Outcome:
        """A question whose connection broke is asked once more: no blip of the network may fail a health gate."""
        outcome = self._try(act)
        again = act.guard != "run" and outcome.status == "unreachable" and outcome.acted
        return self._try(act) if again else outcome

    def _try(self, act: Guarded) -> Outcome:
        try:
            connection = self._connections.to(act.host)
        except HostUnreachable as error:
            return Outcome(status="unreachable", message=error.message, acted=False)
        try:
            command = guard_command(act.host.user, act.guard)
            return read_reply(*exchange(connection, command, request_text(act).encode(), act.timeout + GRACE))
        except TimeoutError:
            name, seconds = act.host.name, act.timeout + GRACE
            message = Bilingual(f"{name} gave no answer within {seconds} s", f"{name} не ответил за {seconds} с")
            return Outcome(status="timed-out", message=message)
        except (OSError, EOFError, SSHException, ValueError) as error:
            connection.close()
            name, cause = act.host.name, error or type(error).__name__
            message = Bilingual(f"{name}: the connection broke: {cause}", f"{name}: соединение оборвалось: {cause}")
            return Outcome(status="unreachable", message=message)
