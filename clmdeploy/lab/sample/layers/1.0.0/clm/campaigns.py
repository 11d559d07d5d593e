"""Campaigns: planned here, sent by the worker."""

from datetime import datetime

from aiohttp import web
from psycopg.errors import UniqueViolation

from clm.answers import fault, reply
from clm.query import BadInput, body, limit, text
from clm.service import DATABASE

routes = web.RouteTableDef()

_CAMPAIGN = "c.id, c.code, c.title, g.code AS segment, c.status, c.scheduled_at, c.sent_at, c.sent_count"


@routes.get("/campaigns")
async def listing(request: web.Request) -> web.Response:
    """The newest campaigns."""
    query = f"SELECT {_CAMPAIGN} FROM campaigns c JOIN segments g ON g.id = c.segment_id ORDER BY c.id DESC LIMIT %s"  # noqa: S608 constant columns
    return reply(await request.app[DATABASE].rows(query, [limit(request)]))


@routes.post("/campaigns")
async def create(request: web.Request) -> web.Response:
    """Plan a campaign: {"code", "title", "segment", "message", "scheduled_at" (with a zone, optional)}."""
    data = await body(request)
    values = [text(data, "code", 40), text(data, "title", 200), text(data, "message", 1000)]
    moment = _moment(data.get("scheduled_at"))
    query = """
        INSERT INTO campaigns (code, title, message, segment_id, scheduled_at, status)
        SELECT %s, %s, %s, g.id, %s, %s FROM segments g WHERE g.code = %s RETURNING id
    """
    status = "scheduled" if moment else "draft"
    try:
        created = await request.app[DATABASE].rows(query, [*values, moment, status, text(data, "segment", 40)])
    except UniqueViolation:
        return fault(409, "a campaign with this code exists")
    if not created:
        raise BadInput("segment: there is no such segment")
    return reply({"id": created[0]["id"], "status": status}, 201)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadInput("scheduled_at: a date and time like 2026-03-01T09:00:00+03:00 is needed") from None
    if moment.tzinfo is None:
        raise BadInput("scheduled_at: a time zone is needed")
    return moment
