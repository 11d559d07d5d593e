"""The load generator against small servers on loopback that answer well, fail, stall and hang up."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clmdeploy.lab.load import Load
from clmdeploy.lab.load_plan import LoadPlan
from clmdeploy.lab.load_process import LoadProcess
from clmdeploy.lab.load_report import Latency, LoadReport
from clmdeploy.model.errors import ClmError, UsageError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HEADERS = {"X-CLM-Version": "1.0.0", "X-CLM-Host": "app1"}


class Service:
    """Answers every request with 200, or 201 to a POST, and remembers the ids it was sent."""

    def __init__(self) -> None:
        self.requests = 0
        self.ids: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        if request.method == "POST":
            self.ids.append((await request.json())["id"])
        return web.Response(status=201 if request.method == "POST" else 200, headers=HEADERS)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def run_load(handler: Handler, **bounds: float) -> LoadReport:
    async def run() -> LoadReport:
        async with serving(handler) as url:
            return await Load(LoadPlan(url, **bounds)).run()  # type: ignore[arg-type]

    return asyncio.run(run())


def test_every_request_is_sent_and_every_write_remembered() -> None:
    """With a service that is well nothing fails, and the acknowledged ids are those that it was given."""
    service = Service()
    report = run_load(service.answer, rate=200, seconds=0.5, write_share=0.5)
    assert (report.sent, report.succeeded, report.failed) == (100, 100, 0)
    assert service.requests == 100
    assert sorted(report.acknowledged) == sorted(service.ids)
    assert 20 < len(set(service.ids)) < 80
    assert {count.version for count in report.versions} == {"1.0.0"}
    assert sum(count.answers for count in report.versions) == 100


def test_a_stalled_service_does_not_slow_the_load_down() -> None:
    """Open loop: requests leave by the clock while not one is answered, and each counts as failed."""

    async def stall(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    begun = time.monotonic()
    report = run_load(stall, rate=100, seconds=1, timeout=0.5)
    assert report.sent == 100
    assert report.failed == 100
    assert report.reasons == {"no answer within 0.5 s": 100}
    assert report.seconds < 1.5
    assert time.monotonic() - begun < 5


def test_a_slow_answer_counts_from_the_moment_it_was_due() -> None:
    """Latency is what a subscriber would have waited."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response()

    report = run_load(slow, rate=50, seconds=0.5, write_share=0)
    assert report.failed == 0
    assert 200 <= report.latency_ms.p50 <= report.latency_ms.p99 <= report.latency_ms.max < 2000


def test_failures_are_counted_by_reason_and_never_acknowledged() -> None:
    """A refused request is a failure with its status and host; a write that failed isn't among the acknowledged."""
    service = Service()

    async def answer(request: web.Request) -> web.Response:
        answered = await service.answer(request)
        return answered if service.requests % 4 else web.Response(status=503, headers=HEADERS)

    report = run_load(answer, rate=200, seconds=0.5, write_share=1)
    assert report.sent == 100
    assert report.reasons == {"HTTP 503 from app1": 25}
    assert report.failures[0].request == "POST /responses"
    assert len(report.acknowledged) == report.succeeded == 75


def test_a_write_answered_as_a_repeat_is_a_failure() -> None:
    """200 to a fresh response tells that something on the way has sent it twice."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=200, headers=HEADERS)

    report = run_load(answer, rate=100, seconds=0.2, write_share=1)
    assert report.reasons == {"HTTP 200 from app1": 20}
    assert report.acknowledged == ()


def test_a_lost_connection_is_shown_and_not_tried_again() -> None:
    """aiohttp would repeat a GET on a kept-alive connection that the server closed: one request sent is one seen."""
    heads = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heads
        await reader.readuntil(b"\r\n\r\n")
        heads += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # the next request on this connection is read, and never answered
        heads += 1
        writer.close()

    async def run() -> LoadReport:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            return await Load(LoadPlan(f"http://{host}:{port}", rate=50, seconds=0.4, write_share=0)).run()

    report = asyncio.run(run())
    assert heads == report.sent == 20
    assert (report.succeeded, report.failed) == (10, 10)
    assert all("the connection was lost" in reason for reason in report.reasons)


def test_nobody_listening_is_a_failure_each_time() -> None:
    """A service that is away costs every request of that time."""

    async def run() -> LoadReport:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        return await Load(LoadPlan(f"http://{host}:{port}", rate=50, seconds=0.2)).run()

    report = asyncio.run(run())
    assert (report.sent, report.failed) == (10, 10)


def test_the_number_of_requests_is_bounded() -> None:
    """Whatever rate and time say, no more than `requests` leave."""
    service = Service()
    assert run_load(service.answer, rate=500, seconds=60, requests=25).sent == 25
    assert service.requests == 25


def test_the_process_reports_when_it_is_ended_early() -> None:
    """SIGTERM ends the load; its report has come through the pipe whole, and nothing that it sent is missing."""
    service = Service()

    async def run() -> LoadReport:
        async with serving(service.answer) as url:
            with LoadProcess(LoadPlan(url, rate=100, seconds=60)) as load:
                while service.requests < 50:
                    await asyncio.sleep(0.05)
                return await asyncio.to_thread(load.stop)

    report = asyncio.run(run())
    assert 50 <= report.sent == service.requests < report.planned == 6000
    assert report.failed == 0
    assert sorted(report.acknowledged) == sorted(service.ids)


def test_a_process_that_dies_is_an_error() -> None:
    """No report is never taken for a report of nothing."""
    with LoadProcess(LoadPlan("http://127.0.0.1:9", rate=1, seconds=60)) as load:
        load._process.kill()
        with pytest.raises(ClmError, match="status -9"):
            load.stop()


@pytest.mark.parametrize(
    "url", ["http://93.184.215.14", "http://example.org", "ftp://127.0.0.1", "127.0.0.1:80", "http://0x7f000001.nip.io"]
)
def test_only_this_machine_and_the_lab_are_ever_loaded(url: str) -> None:
    """An address that is neither loopback nor private, or needs a name server to tell, is refused."""
    with pytest.raises(UsageError):
        LoadPlan(url)


@pytest.mark.parametrize(
    "bounds", [{"rate": 0}, {"rate": 1e9}, {"seconds": 1e6}, {"requests": 0}, {"write_share": 2}, {"timeout": 0}]
)
def test_a_plan_out_of_bounds_is_refused(bounds: dict[str, float]) -> None:
    """A load always ends by itself."""
    with pytest.raises(UsageError, match=next(iter(bounds))):
        LoadPlan("http://127.0.0.1", **bounds)  # type: ignore[arg-type]


def test_a_report_survives_the_pipe() -> None:
    """What is written as JSON is read back equal."""
    service = Service()
    report = run_load(service.answer, rate=100, seconds=0.2)
    assert LoadReport.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["sent"] == 20


def test_percentiles_are_of_nearest_rank() -> None:
    """The p-th percentile is a latency that was really seen; without any it is zero."""
    assert Latency.of([n / 1000 for n in range(1, 101)]) == Latency(50.0, 95.0, 99.0, 100.0)
    assert Latency.of([0.007]) == Latency(7.0, 7.0, 7.0, 7.0)
    assert Latency.of([]) == Latency(0.0, 0.0, 0.0, 0.0)
