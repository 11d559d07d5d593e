"""The worker: sends campaigns, and owns and serves their content."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from clm import content, sender
from clm.answers import reply
from clm.service import DATABASE, STOPPING, application, database_health, serve
from clm.settings import Settings, SettingsError


async def _sending(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(sender.run(app[DATABASE], app[STOPPING]))
    yield
    await task


async def _health(request: web.Request) -> web.StreamResponse:
    if not os.access(request.app[content.DIRECTORY], os.W_OK | os.X_OK):
        return reply({"status": "the content tree can't be written"}, 503)
    return await database_health(request)


async def _run(settings: Settings) -> None:
    app = application(settings, content.LARGEST, _health)
    app[content.DIRECTORY] = settings.content
    app.cleanup_ctx.append(_sending)
    app.add_routes(content.routes)
    await serve(app, settings.listen, settings.worker_port)


def main() -> int:
    """Run until stopped; the exit status of bin/worker."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(_run(settings))
    return 0
