"""Open-loop HTTP load on the sample CLM: requests leave by the clock, whether or not earlier ones were answered.

A slow or stopped service therefore can't slow the load down and hide its own failures. Nothing is retried, a timeout
is a failure, and latency counts from the moment a request was due. Run it as a process of its own
(`python -m clmdeploy.lab.load`, or `clmdeploy.lab.load_process`), so that what it measures isn't its neighbour's work.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import random
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from clmdeploy.lab.load_plan import LoadPlan
from clmdeploy.lab.load_report import LoadReport, Tally
from clmdeploy.model.errors import ClmError

if TYPE_CHECKING:  # imported when a load runs: it takes half a second
    import aiohttp

_ANSWERS = ("да", "нет", "перезвоните", "стоп", "подробнее")
_KEEP_IDLE_SECONDS = 15.0  # shorter than a balancer's, so that this side closes idle connections


class Load:
    """One run of a plan. `stop()` may be called from any thread; a second run needs a second Load."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._tally = Tally()
        # Chooses paths and answers; the names of responses are random UUIDs, fresh in every run.
        self._chance = random.Random(plan.seed)  # noqa: S311 not for secrets
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Send nothing more; what is on its way is waited for, at most the plan's timeout."""
        if self._loop is None:
            self._stopping.set()
        else:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def run(self) -> LoadReport:
        """Run to the end of the plan or until `stop()`."""
        import aiohttp

        self._loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(
            self._plan.url,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=self._plan.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_show_lost_connections,),
        ) as session:
            await self._send_by_the_clock(session)
        return self.report()

    def report(self) -> LoadReport:
        """What has happened so far; the whole of it after `run`."""
        return self._tally.report(self._plan)

    async def _send_by_the_clock(self, session: aiohttp.ClientSession) -> None:
        tasks: set[asyncio.Task[None]] = set()
        start = self._tally.start()
        for number in range(self._plan.count):
            due = start + number / self._plan.rate
            if await self._stopped_before(due):
                break
            self._tally.sending(due)
            task = asyncio.create_task(self._send(session, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        self._tally.stop()
        if tasks:
            await asyncio.wait(tasks)

    async def _stopped_before(self, due: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), max(0.0, due - asyncio.get_running_loop().time()))
        except TimeoutError:
            await asyncio.sleep(0)  # let requests leave when we are behind the clock
        return self._stopping.is_set()

    async def _send(self, session: aiohttp.ClientSession, due: float) -> None:
        if self._chance.random() < self._plan.write_share:
            await self._write(session, due)
        else:
            await self._read(session, due)

    async def _read(self, session: aiohttp.ClientSession, due: float) -> None:
        draw = self._chance.random()
        subscriber = self._chance.randint(1, self._plan.subscribers)
        path = f"/subscribers/{subscriber}" if draw < 0.6 else "/segments" if draw < 0.8 else "/version"
        await self._exchange(session, due, "GET", path, None)

    async def _write(self, session: aiohttp.ClientSession, due: float) -> None:
        response = {
            "id": str(uuid4()),
            "subscriber_id": self._chance.randint(1, self._plan.subscribers),
            "campaign_id": self._chance.randint(1, self._plan.campaigns),
            "answer": self._chance.choice(_ANSWERS),
        }
        await self._exchange(session, due, "POST", "/responses", response)

    async def _exchange(
        self, session: aiohttp.ClientSession, due: float, method: str, path: str, body: dict[str, object] | None
    ) -> None:
        import aiohttp

        # 200 to a fresh response would mean that something on the way sent it twice.
        wanted = 200 if body is None else 201
        try:
            async with session.request(method, path, json=body, allow_redirects=False) as answer:
                await answer.read()
        except TimeoutError:
            self._tally.failed(due, method, path, f"no answer within {self._plan.timeout:g} s")
        except aiohttp.ClientError as error:
            self._tally.failed(due, method, path, f"{type(error).__name__}: {error}")
        else:
            self._tally.seen(answer.headers.get("X-CLM-Version", "?"))
            if answer.status == wanted:
                self._tally.succeeded(due, str(body["id"]) if body else None)
            else:
                host = answer.headers.get("X-CLM-Host", "no application host")
                self._tally.failed(due, method, path, f"HTTP {answer.status} from {host}")


async def _show_lost_connections(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a GET by itself when the server closed a kept-alive connection (RFC 9112, 9.3.1).

    Its client does so on ClientOSError and ServerDisconnectedError, unasked; any other ClientError it lets through.
    """
    import aiohttp

    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        if isinstance(error, aiohttp.ClientConnectorError):
            raise
        raise aiohttp.ClientConnectionError(f"the connection was lost: {error}") from error


def _plan_of(arguments: Sequence[str]) -> LoadPlan:
    parser = argparse.ArgumentParser(prog="clmdeploy.lab.load", description=(__doc__ or "").partition("\n")[0])
    for field in dataclasses.fields(LoadPlan):
        kind = {"str": str, "int": int}.get(str(field.type), float)
        required = field.default is dataclasses.MISSING
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, required=required, default=field.default, help=field.metadata["help"])
    return LoadPlan(**vars(parser.parse_args(arguments)))


async def _run_until_signalled(plan: LoadPlan) -> LoadReport:
    load = Load(plan)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, load.stop)
    return await load.run()


def main(arguments: Sequence[str]) -> int:
    """Run a load and write its report to standard output as one JSON object. SIGTERM ends it early, with the report."""
    try:
        report = asyncio.run(_run_until_signalled(_plan_of(arguments)))
    except ClmError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return int(error.exit_code)
    sys.stdout.write(report.to_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
