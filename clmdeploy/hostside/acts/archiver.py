"""How PostgreSQL on this host stands with the archiving of its log: one question, as its own user."""

from __future__ import annotations

import json

from .call import ActError, Call, Json
from .programs import running

LIMIT = 20  # seconds
QUESTION = """
SELECT json_build_object(
  'now', extract(epoch FROM clock_timestamp()),
  'standby', pg_is_in_recovery(),
  'mode', current_setting('archive_mode'),
  'size', (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),
  'current', CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_walfile_name(pg_current_wal_lsn()) END,
  'archived', last_archived_wal,
  'archived_at', extract(epoch FROM last_archived_time),
  'failed', last_failed_wal,
  'failed_at', extract(epoch FROM last_failed_time),
  'waiting', (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
  'oldest', (SELECT extract(epoch FROM min(modification)) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready')
) FROM pg_stat_archiver
"""


def ask(call: Call) -> Json:
    """`arguments`: user, port, sockets. Times are seconds since 1970 by this host's clock."""
    arguments = call.arguments
    command = {
        "argv": [
            "psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--no-password",
            f"--host={arguments['sockets']}", f"--port={arguments['port']}", "--dbname=postgres",
            f"--command={QUESTION}",
        ],
        "environment": {"PGCONNECT_TIMEOUT": "5", "PGAPPNAME": "clmdeploy", "PGOPTIONS": "-c statement_timeout=10s"},
        "timeout": LIMIT,
    }  # fmt: skip
    with running(command, arguments["user"]) as program:
        said = program.stdout.read(64 * 1024)
        if program.code != 0:
            raise ActError(f"PostgreSQL does not answer: {program.said or f'psql ended with {program.code}'}")
    return dict(json.loads(said))
