"""Sends scheduled campaigns in batches. A batch and the place reached are committed together: no one gets it twice."""

import asyncio
import logging

import psycopg
from psycopg_pool import PoolTimeout

from clm.database import Database

BATCH = 500  # deliveries in one transaction
IDLE_SECONDS = 2.0
BETWEEN_BATCHES_SECONDS = 0.2

log = logging.getLogger("clm.sender")

# SKIP LOCKED: a second worker takes another campaign instead of waiting for this one.
_CLAIM = """
    SELECT id, segment_id, sent_up_to FROM campaigns
    WHERE status IN ('scheduled', 'sending') AND scheduled_at <= now()
    ORDER BY scheduled_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_MEMBERS = """
    SELECT m.subscriber_id FROM segment_members m JOIN subscribers s ON s.id = m.subscriber_id
    WHERE m.segment_id = %s AND m.subscriber_id > %s AND s.consent_sms ORDER BY m.subscriber_id LIMIT %s
"""
_DELIVER = "INSERT INTO deliveries (campaign_id, subscriber_id) SELECT %s, unnest(%s::bigint[])"
_ADVANCE = """
    UPDATE campaigns SET status = 'sending', sent_up_to = %s, sent_count = sent_count + %s WHERE id = %s
"""
_FINISH = "UPDATE campaigns SET status = 'sent', sent_at = now() WHERE id = %s"


async def send_batch(database: Database) -> bool:
    """Send the next batch of the campaign that waits longest; False when nothing is due."""
    async with database.transaction() as connection:
        campaign = await (await connection.execute(_CLAIM)).fetchone()
        if campaign is None:
            return False
        place = [campaign["segment_id"], campaign["sent_up_to"], BATCH]
        members = [row["subscriber_id"] async for row in await connection.execute(_MEMBERS, place)]
        if members:
            await connection.execute(_DELIVER, [campaign["id"], members])
            await connection.execute(_ADVANCE, [members[-1], len(members), campaign["id"]])
        if len(members) < BATCH:
            await connection.execute(_FINISH, [campaign["id"]])
            log.info("campaign %d is sent", campaign["id"])
    return True


async def run(database: Database, stopping: asyncio.Event) -> None:
    """Send until `stopping` is set; the batch that was begun is finished first."""
    while not stopping.is_set():
        try:
            pause = BETWEEN_BATCHES_SECONDS if await send_batch(database) else IDLE_SECONDS
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("no batch was sent: %s", error)
            pause = IDLE_SECONDS
        try:
            await asyncio.wait_for(stopping.wait(), pause)
        except TimeoutError:
            continue
