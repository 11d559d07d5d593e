"""Brings a host into a declared state: packages, accounts, directories, files, units. What stood before is kept.

`arguments`: `change`; `arrangement`, with

    name          where the state before is kept
    packages      names; `quiet`: units that installing them must not start
    users         each name, home
    directories   each path, mode (octal text), owner, group
    files         each path, mode, owner, group, parts
    run           programs whose effect follows from a file: each path, command
    units         each name, state ("running", "masked" or "absent"), watches (paths it must be restarted for)
    links         each path, target
    absent        paths of files that must not be there

A file's content is its parts in a row: {"text": …}, {"secret": name in the call's secrets}, {"variable": the same,
quoted for a file of systemd's variables}, {"file": a path here}, or {"result": keys into `arguments.results`}.
Packages and accounts stay when the rest is put back.
"""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from collections.abc import Iterator
from functools import reduce
from typing import Any

from . import packages, places, services
from .call import ActError, Call, Json
from .kept import Kept
from .units import LINKS

_ACCOUNT = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")


def ask(call: Call) -> Json:
    """`differs`: what would be changed, in words; `packages`: what is there and could be, by name."""
    wanted = call.arguments["arrangement"]
    known = packages.known(wanted["packages"])
    return {"differs": list(_differences(call, None)), "packages": known}


def probe(call: Call) -> Json:
    """Without the secrets: a file with one counts as right when this act wrote it."""
    kept = _kept(call)
    if not any(_differences(call, kept)):
        return {"state": "done", "changed": sorted(kept.paths)}
    return {"state": "partial" if kept.paths or kept.units else "not-done"}


def perform(call: Call) -> Json:
    """`changed`: what was, in words. Doing it again changes nothing."""
    wanted, kept = call.arguments["arrangement"], _kept(call)
    changed = []
    for unit in wanted["units"]:
        if unit["state"] == "masked" and not services.is_masked(unit["name"]):
            kept.unit(unit["name"], services.state(unit["name"]))
            services.mask(unit["name"])  # before a package could start it
            changed.append(f"unit {unit['name']}")
    absent = packages.missing(wanted["packages"])
    if absent:
        packages.install(absent, wanted["quiet"])
        changed += [f"package {name}" for name in absent]
    for user in wanted["users"]:
        if not _account(user["name"]):
            _run(*_ACCOUNT, "--home-dir", user["home"], user["name"])
            changed.append(f"account {user['name']}")
    changed += [f"directory {one['path']}" for one in wanted["directories"] if _arrange_directory(kept, one)]
    changed += [f"file {one['path']}" for one in wanted["files"] if _arrange_file(kept, one, call)]
    changed += [f"link {one['path']}" for one in wanted.get("links", ()) if _arrange_link(kept, one)]
    changed += list(_clear(kept, wanted))
    for one in wanted["run"]:
        if kept.is_changed(one["path"]):
            _run(*one["command"])
    return {"changed": changed + list(_start(kept, wanted["units"]))}


def restore(call: Call) -> Json:
    """`left`: what could not be put back, and why."""
    kept = _kept(call)
    for name, unit in kept.units.items():
        services.stop_unless(name, unit["before"])
    left = [why for why in map(kept.put_back, reversed(list(kept.paths))) if why]
    if kept.paths or kept.units:
        services.systemctl("daemon-reload")
    for name, unit in kept.units.items():
        services.put_back(name, unit["before"])
    return {"left": left}


def _kept(call: Call) -> Kept:
    return Kept(call.arguments["change"], call.arguments["arrangement"]["name"])


def _differences(call: Call, kept: Kept | None) -> Iterator[str]:
    wanted = call.arguments["arrangement"]
    yield from (f"package {name}" for name in packages.missing(wanted["packages"]))
    yield from (f"account {user['name']}" for user in wanted["users"] if not _account(user["name"]))
    yield from (f"directory {one['path']}" for one in wanted["directories"] if _is_other_directory(one))
    yield from (f"file {one['path']}" for one in wanted["files"] if _is_other_file(one, call, kept))
    yield from (f"link {one['path']}" for one in wanted.get("links", ()) if _is_other_link(one))
    yield from (f"file {path}" for path in wanted.get("absent", ()) if places.look(path) is not None)
    yield from (f"unit {unit['name']}" for unit in wanted["units"] if not _RIGHT[unit["state"]](unit["name"]))


_RIGHT = {"running": services.is_running, "masked": services.is_masked, "absent": services.is_absent}


def _clear(kept: Kept, wanted: Json) -> Iterator[str]:
    """End what is to be no more, and only then take its file away."""
    for unit in wanted["units"]:
        if unit["state"] == "absent" and not services.is_absent(unit["name"]):
            kept.unit(unit["name"], services.state(unit["name"]))
            services.disable(unit["name"])
            yield f"unit {unit['name']}"
    for path in wanted.get("absent", ()):
        if places.look(path) is not None:
            kept.path(path)
            places.remove(path)
            yield f"file {path}"


def _arrange_link(kept: Kept, one: Json) -> bool:
    if not _is_other_link(one):
        return False
    kept.path(one["path"], one["target"])
    places.link(one["path"], one["target"])
    return True


def _is_other_link(one: Json) -> bool:
    found = places.look(one["path"])
    if found is not None and found.kind == "directory":
        raise ActError(f"{one['path']}: is a directory, and should be a link: move it away")
    return found is None or (found.kind, found.content) != ("link", one["target"])


def _arrange_directory(kept: Kept, one: Json) -> bool:
    if not _is_other_directory(one):
        return False
    kept.path(one["path"])
    places.make_directory(one["path"], int(one["mode"], 8), *_owner(one))
    return True


def _is_other_directory(one: Json) -> bool:
    found, owner = places.look(one["path"]), _known_owner(one)
    if found is not None and found.kind != "directory":
        raise ActError(f"{one['path']}: is a {found.kind}, and should be a directory: move it away")
    return found is None or (found.mode, (found.uid, found.gid)) != (int(one["mode"], 8), owner)


def _arrange_file(kept: Kept, one: Json, call: Call) -> bool:
    if not _is_other_file(one, call, None):
        return False
    content = _content(one, call)
    kept.path(one["path"], places.digest(content))
    places.write(one["path"], content, int(one["mode"], 8), *_owner(one))
    return True


def _is_other_file(one: Json, call: Call, kept: Kept | None) -> bool:
    """`kept`: the secrets are not there, and what was written is known by its digest."""
    found, owner = places.look(one["path"]), _known_owner(one)
    if found is None:
        return True
    if found.kind not in ("file", "link"):
        raise ActError(f"{one['path']}: is a {found.kind}, and should be a file: move it away")
    if (found.kind, found.mode, (found.uid, found.gid)) != ("file", int(one["mode"], 8), owner):
        return True
    if kept is not None and any(part.keys() & {"secret", "variable"} for part in one["parts"]):
        return found.content != kept.wrote(one["path"])
    try:
        return found.content != places.digest(_content(one, call))
    except FileNotFoundError:  # made of another file that is not there yet
        return True


def _content(one: Json, call: Call) -> bytes:
    return b"".join(_part(part, call) for part in one["parts"])


def _part(part: Json, call: Call) -> bytes:
    ((kind, value),) = part.items()
    if kind == "text":
        return str(value).encode()
    if kind == "secret":
        return call.secrets[value].encode()
    if kind == "variable":
        return _quoted(call.secrets[value]).encode()
    if kind == "file":
        return places.read(value)
    found: Any = reduce(lambda within, key: within[key], value, call.arguments["results"])  # Any: JSON, any depth
    return str(found).encode()


def _quoted(secret: str) -> str:
    """As systemd.exec(5), EnvironmentFile=, reads it back."""
    if not secret.isprintable():
        raise ActError("a key or passphrase holds a control character: it can't be handed to a service")
    return '"' + re.sub(r'([\\"`$])', r"\\\1", secret) + '"\n'


def _start(kept: Kept, units: list[Json]) -> Iterator[str]:
    """What is not running, or was given other files and not restarted since."""
    if any(path.startswith(f"{LINKS}/") for path in kept.paths):
        services.systemctl("daemon-reload")
    for unit in units:
        name = unit["name"]
        due = any(map(kept.is_changed, unit["watches"])) and not kept.units.get(name, {}).get("settled")
        if unit["state"] == "running" and (due or not services.is_running(name)):
            kept.unit(name, services.state(name))
            services.restart(name)
            kept.settled(name)
            yield f"unit {name}"


def _account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _owner(one: Json) -> tuple[int, int]:
    try:
        return pwd.getpwnam(one["owner"]).pw_uid, grp.getgrnam(one["group"]).gr_gid
    except KeyError as error:
        raise ActError(f"{one['path']}: {error.args[0]}") from None


def _known_owner(one: Json) -> tuple[int, int] | None:
    """None while the account is not there: then nothing can belong to it."""
    try:
        return _owner(one)
    except ActError:
        return None


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, errors="replace", timeout=120, check=False)
    if finished.returncode != 0:
        raise ActError(f"{command[0]}: exit code {finished.returncode}: {finished.stderr.strip()[-500:]}")
