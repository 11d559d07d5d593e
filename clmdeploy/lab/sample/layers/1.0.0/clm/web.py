"""The web service: what campaign managers and the neighbour systems ask."""

import asyncio
import logging
import sys

from clm import campaigns, responses, subscribers
from clm.service import application, serve
from clm.settings import Settings, SettingsError

BODY_LIMIT = 64 * 1024  # bytes


async def _run(settings: Settings) -> None:
    app = application(settings, BODY_LIMIT)
    for module in (subscribers, campaigns, responses):
        app.add_routes(module.routes)
    await serve(app, settings.listen, settings.web_port)


def main() -> int:
    """Run until stopped; the exit status of bin/web."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    asyncio.run(_run(settings))
    return 0
