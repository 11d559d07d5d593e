"""The connection pool."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from clm.compatibility import SchemaState, judge
from clm.settings import Settings

Row = dict[str, Any]


class Database:
    """A pool that reconnects by itself. Waiting for a connection and for an answer is bounded."""

    def __init__(self, settings: Settings) -> None:
        options = f"-c search_path={settings.search_path} -c statement_timeout=15000"
        self._pool = AsyncConnectionPool(
            settings.database_url,
            connection_class=AsyncConnection[Row],
            kwargs={"row_factory": dict_row, "connect_timeout": 5, "options": options, "application_name": "clm"},
            min_size=min(2, settings.pool_size),
            max_size=settings.pool_size,
            timeout=10,  # a burst on a busy machine waits rather than fails
            check=AsyncConnectionPool.check_connection,
            open=False,
        )

    async def open(self) -> None:
        """Start connecting; doesn't wait, so that a service starts before its database does."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Give back every connection."""
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A connection whose transaction is committed when the block ends, and only then."""
        async with self._pool.connection() as connection:
            yield connection

    async def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of one query."""
        async with self.transaction() as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def schema(self) -> SchemaState:
        """Read the schema's history. Raises psycopg's errors where it can't be read."""
        query = "SELECT version, dirty, oldest_compatible_app FROM schema_history ORDER BY version"
        return judge(await self.rows(query))
