"""PostgreSQL's own part: WAL is handed to the archive. Settings stand in one file of conf.d, of which this act is lord.

`arguments`: `change`; `service`, `port`, `data`; `settings`: name → value; `restart`: whether PostgreSQL may be
restarted, where a setting needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time

from . import places, services
from .call import ActError, Call, Json
from .kept import Kept

FILE = "clmdeploy.conf"
PATIENCE = 60.0
_HEAD = "# Written by clmdeploy: changes are lost with the next backup setup\n"
_QUESTION = """\
SELECT json_build_object(
  'version', current_setting('server_version_num')::int, 'told', version(), 'standby', pg_is_in_recovery(),
  'data', current_setting('data_directory'), 'config', current_setting('config_file'),
  'settings', (SELECT json_object_agg(name, json_build_object(
      'value', setting, 'file', sourcefile, 'pending', pending_restart)) FROM pg_settings
    WHERE name IN ('archive_mode', 'archive_command', 'archive_library', 'archive_timeout', 'wal_level')))"""


def ask(call: Call) -> Json:
    """What the server says of itself: version, standby, data, config, settings."""
    return _asked(call)


def perform(call: Call) -> Json:
    """`restarted`: whether it had to be. Raises ActError where the settings do not hold afterwards."""
    found = _asked(call)
    if os.path.realpath(found["data"]) != os.path.realpath(call.arguments["data"]):
        raise ActError(f"port {call.arguments['port']} serves {found['data']}, not {call.arguments['data']}")
    path = os.path.join(os.path.dirname(found["config"]), "conf.d", FILE)
    text = _text(call.arguments["settings"])
    standing = places.look(path)
    if standing is None or standing.content != places.digest(text):
        kept, account = _kept(call), os.stat(found["data"])
        kept.path(path, places.digest(text))
        places.write(path, text, 0o644, account.st_uid, account.st_gid)
    return {"restarted": _let_hold(call)}


def restore(call: Call) -> Json:
    """Puts the file back; where this act may restart PostgreSQL, archive_mode is as before too."""
    kept = _kept(call)
    left = [why for why in map(kept.put_back, reversed(list(kept.paths))) if why]
    if kept.paths:
        services.systemctl("reload", call.arguments["service"])
        time.sleep(1)
        if call.arguments["restart"] and any(one["pending"] for one in _asked(call)["settings"].values()):
            services.systemctl("restart", call.arguments["service"])
    return {"left": left}


def probe(call: Call) -> Json:
    """Done when the server itself says so."""
    holds = not _others(call, _asked(call))
    return {"state": "done", "restarted": False} if holds else {"state": "partial" if _kept(call).paths else "not-done"}


def _let_hold(call: Call) -> bool:
    """Whether a restart was needed for that."""
    if not _others(call, _asked(call)):
        return False
    service, restarted = call.arguments["service"], False
    services.systemctl("reload", service)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.5)
        found = _asked(call)
        others = _others(call, found)
        if not others:
            return restarted
        if any(found["settings"][name]["pending"] for name in others) and not restarted:
            if not call.arguments["restart"]:
                raise ActError(f"{', '.join(others)}: hold after a restart of PostgreSQL only, which was not allowed")
            services.systemctl("restart", service)
            restarted = True
    name = others[0]
    said = found["settings"][name]
    raise ActError(
        f"{name} is {said['value']!r} by {said['file'] or 'its default'}: is conf.d included, is it overridden?"
    )


def _others(call: Call, found: Json) -> list[str]:
    """Settings that do not hold."""
    wanted = call.arguments["settings"]
    return [name for name, value in wanted.items() if found["settings"][name]["value"] != value]


def _text(settings: dict[str, str]) -> bytes:
    lines = [f"{name} = '{_quoted(value)}'\n" for name, value in sorted(settings.items())]
    return (_HEAD + "".join(lines)).encode()


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")


def _asked(call: Call) -> Json:
    """As the owner of the data directory, over the local socket."""
    account = os.stat(call.arguments["data"])
    command = [
        "psql",
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-p",
        str(call.arguments["port"]),
        "-d",
        "postgres",
    ]
    finished = subprocess.run(
        command, input=_QUESTION, capture_output=True, text=True, timeout=20, check=False, cwd="/",
        user=account.st_uid, group=account.st_gid, extra_groups=[],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "clmdeploy"},
    )  # fmt: skip
    if finished.returncode != 0:
        raise ActError(f"PostgreSQL on port {call.arguments['port']}: {finished.stderr.strip()[-500:]}")
    return json.loads(finished.stdout)  # type: ignore[no-any-return]


def _kept(call: Call) -> Kept:
    return Kept(call.arguments["change"], "archiving")
