"""Fill an empty database: everything in one transaction, so that it is either empty or whole."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence

import psycopg

from clm import history
from clm.copy_text import blocks
from clm.people import people
from clm.rows import SUBSCRIBER_COLUMNS, subscriber_row
from clm.settings import SettingsError, database_url

_CAMPAIGN_COLUMNS = "id, code, title, message, segment_id, status, scheduled_at, sent_up_to, sent_count, sent_at"

Connection = psycopg.Connection[tuple[object, ...]]


class NotEmptyError(Exception):
    """The database has subscribers; nothing was changed."""


def fill(connection: Connection, subscribers: int, seed: int) -> dict[str, int]:
    """Write all tables; gives the number of rows in each. Raises NotEmptyError."""
    with connection.transaction():
        connection.execute("LOCK TABLE subscribers IN EXCLUSIVE MODE")  # two of us would both find it empty
        if connection.execute("SELECT FROM subscribers LIMIT 1").fetchone() is not None:
            raise NotEmptyError("the database has subscribers already")
        counts = _write(connection, subscribers, seed)
        connection.execute("SELECT setval(pg_get_serial_sequence('campaigns', 'id'), max(id)) FROM campaigns")
    connection.execute("ANALYZE")
    return counts


def _write(connection: Connection, subscribers: int, seed: int) -> dict[str, int]:
    everyone = list(people(subscribers, seed))
    membership = list(history.members(everyone))
    planned = history.campaigns(membership)
    titles = [(number, code, title) for number, (code, title, _) in enumerate(history.SEGMENTS, start=1)]
    belongs = ((segment, person.id) for segment, person in membership)
    sent = history.deliveries(planned)
    answers = history.responses(planned, seed)
    return {
        "subscribers": _copy(connection, f"subscribers ({SUBSCRIBER_COLUMNS})", map(subscriber_row, everyone)),
        "segments": _copy(connection, "segments (id, code, title)", titles),
        "segment_members": _copy(connection, "segment_members (segment_id, subscriber_id)", belongs),
        "campaigns": _copy(connection, f"campaigns ({_CAMPAIGN_COLUMNS})", (campaign.row for campaign in planned)),
        "deliveries": _copy(connection, "deliveries (campaign_id, subscriber_id, sent_at)", sent),
        "responses": _copy(connection, "responses (id, subscriber_id, campaign_id, answer, received_at)", answers),
    }


def _copy(connection: Connection, table: str, rows: Iterable[Sequence[object]]) -> int:
    count = 0
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for number, text in blocks(rows):
            copy.write(text)
            count += number
    return count


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 filled (or not empty and --if-empty), 1 refused or failed, 2 wrong arguments."""
    parser = argparse.ArgumentParser(prog="seed", description="Fill an empty database with made-up data.")
    parser.add_argument("--subscribers", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--if-empty", action="store_true", help="do nothing, successfully, if there are subscribers")
    options = parser.parse_args(arguments)
    if not 1 <= options.subscribers <= 5_000_000:
        parser.error("--subscribers must be from 1 to 5000000")
    begun = time.monotonic()
    try:
        with psycopg.connect(database_url(), autocommit=True, connect_timeout=5) as connection:
            counts = fill(connection, options.subscribers, options.seed)
    except NotEmptyError as error:
        sys.stderr.write(f"{error}\n")
        return 0 if options.if_empty else 1
    except (SettingsError, psycopg.Error) as error:
        sys.stderr.write(f"seed: {error}\n")
        return 1
    rows = ", ".join(f"{table} {count}" for table, count in counts.items())
    sys.stdout.write(f"{rows} in {time.monotonic() - begun:.1f} s\n")
    return 0
