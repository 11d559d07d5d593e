"""Asks the database which files its campaigns name, and compares these with the content tree."""

import json
import sys

import psycopg

from clm.agreement import compare
from clm.settings import Settings, SettingsError


def main() -> int:
    """The hook behind `consistency.command`."""
    try:
        settings = Settings.from_environment()
        with psycopg.connect(settings.database_url, connect_timeout=5, application_name="clm-agreement") as connection:
            rows = connection.execute("SELECT code, message FROM campaigns WHERE message LIKE '%#sha256=%'").fetchall()
    except (SettingsError, psycopg.Error) as error:
        sys.stderr.write(f"rows and files can't be compared: {error}\n")
        return 1
    found = compare(((str(code), str(message)) for code, message in rows), settings.content)
    sys.stdout.write(json.dumps(found) + "\n")
    return 0
