"""Subscribers and the segments that they belong to."""

from aiohttp import web

from clm.answers import fault, reply
from clm.query import identifier, limit
from clm.service import DATABASE

routes = web.RouteTableDef()

_SUBSCRIBER = """
    SELECT s.id, s.msisdn, s.name, s.region, t.name AS tariff, s.birth_year, s.connected_on,
           s.consent_sms, s.consent_email, s.consent_calls
    FROM subscribers s JOIN tariffs t ON t.id = s.tariff_id
"""
_OF_SEGMENT = """
    JOIN segment_members m ON m.subscriber_id = s.id JOIN segments g ON g.id = m.segment_id AND g.code = %s
"""


@routes.get(r"/subscribers/{id:\d{1,20}}")
async def show(request: web.Request) -> web.Response:
    """One subscriber."""
    found = await request.app[DATABASE].rows(_SUBSCRIBER + "WHERE s.id = %s", [identifier(request)])
    return reply(found[0]) if found else fault(404, "no such subscriber")


@routes.get("/subscribers")
async def listing(request: web.Request) -> web.Response:
    """Subscribers in order of id, of one segment with ?segment=CODE."""
    where, values = "", []
    if segment := request.query.get("segment", ""):
        where = _OF_SEGMENT
        values.append(segment)
    query = f"{_SUBSCRIBER} {where} ORDER BY s.id LIMIT %s"
    return reply(await request.app[DATABASE].rows(query, [*values, limit(request)]))


@routes.get("/segments")
async def segments(request: web.Request) -> web.Response:
    """All segments."""
    return reply(await request.app[DATABASE].rows("SELECT id, code, title FROM segments ORDER BY id"))
