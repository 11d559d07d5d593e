"""What web and worker share: health, version, and a start and stop that systemd and a load balancer can rely on."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
from aiohttp import web
from psycopg_pool import PoolTimeout

from clm.answers import fault, reply
from clm.database import Database
from clm.release import VERSION
from clm.settings import Settings

DATABASE = web.AppKey("database", Database)
STOPPING = web.AppKey("stopping", asyncio.Event)
HOST = socket.gethostname()
LINGER_SECONDS = 0.2  # what a client has just written to a kept-alive connection is still read and answered
SHUTDOWN_SECONDS = 10  # for requests in flight; the unit's TimeoutStopSec is longer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = logging.getLogger("clm")


@web.middleware
async def _faults_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return fault(error.status, error.reason)
    except (psycopg.OperationalError, PoolTimeout) as error:
        log.warning("%s %s: database: %s", request.method, request.path, error)
        return fault(503, "the database is out of reach")
    except psycopg.Error as error:
        log.error("%s %s: database: %s", request.method, request.path, error)  # noqa: TRY400 one line a request
        return fault(500, "the database refused the query")


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["X-CLM-Version"] = VERSION
    response.headers["X-CLM-Host"] = HOST
    if request.app[STOPPING].is_set():
        # A client must not send its next request to a service that leaves. The header is prepared before this signal.
        response.headers["Connection"] = "close"
        response.force_close()


async def database_health(request: web.Request) -> web.Response:
    """200 only while the database is in reach, its schema fits and nobody has asked us to stop."""
    if request.app[STOPPING].is_set():
        return reply({"status": "stopping"}, 503)
    try:
        schema = await request.app[DATABASE].schema()
    except (psycopg.Error, PoolTimeout) as error:
        return reply({"status": f"database: {error}".partition("\n")[0]}, 503)
    return reply({"status": schema.fault or "ok", "schema": schema.version}, 503 if schema.fault else 200)


async def _version(request: web.Request) -> web.Response:
    try:
        schema = (await request.app[DATABASE].schema()).version
    except (psycopg.Error, PoolTimeout):
        schema = None  # which version runs can be told without the database
    return reply({"version": VERSION, "host": HOST, "schema": schema})


async def _connected(app: web.Application) -> AsyncIterator[None]:
    await app[DATABASE].open()
    yield
    await app[DATABASE].close()


def application(settings: Settings, body_limit: int, health: Handler = database_health) -> web.Application:
    """An application with a database, /health and /version. `body_limit` is in bytes."""
    app = web.Application(middlewares=[_faults_as_json], client_max_size=body_limit)
    app[DATABASE] = Database(settings)
    app[STOPPING] = asyncio.Event()
    app.on_response_prepare.append(_sign)
    app.cleanup_ctx.append(_connected)
    app.router.add_get("/health", health)
    app.router.add_get("/version", _version)
    return app


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)); does nothing when started by hand."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.send(state.encode())


async def serve(app: web.Application, address: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT, then finish what was accepted and return."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, app[STOPPING].set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, address, port, backlog=512)
    await site.start()
    log.info("CLM %s answers on %s:%d", VERSION, address, port)
    notify("READY=1")
    await app[STOPPING].wait()
    notify("STOPPING=1")
    await site.stop()
    await asyncio.sleep(LINGER_SECONDS)
    await runner.cleanup()
    log.info("CLM %s has stopped", VERSION)
