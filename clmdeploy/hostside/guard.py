#!/usr/bin/python3 -IS
"""The guard: the one door to acts on this host. One file, standard library only, read before you trust it.

    guard run    take the lock, compare and raise the token, run the act as a named transient unit with a time limit
    guard ask    run a read-only act: no lock, no token, no unit
    guard probe  what became of a unit: done, failed, in-flight or unknown
    guard fence  raise the token and end the units of older tokens

Each reads one JSON request on standard input and prints one JSON reply; the exit code is 0 whenever there is a reply.
A token that is older than the newest seen here is refused: a control node that lost its lease can't act any more.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

STATE = "/var/lib/clmdeploy"
RUN = "/run/clmdeploy"
MAX_REQUEST = 16 * 1024 * 1024
MAX_REPLY = 4 * 1024 * 1024
KEEP_RESULTS = 200
LOCK_WAIT = 30.0
UNIT = re.compile(r"clm-[a-z0-9][a-z0-9.-]{0,180}")
SCOPES = ("fleet", "data")
PYTHON = "/usr/bin/python3"

TYPE_CHECKING = False  # as type checkers know it: `typing` itself would take a tenth of each call's time
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]  # Any: JSON as it came; each function takes what it needs by key


class Refused(Exception):
    """The request is not carried out; nothing was touched. `facts`: what was found instead, beside the words."""

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


def read_json(path: str) -> Json | None:
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return None


def write_json(path: str, value: Json) -> None:
    """Replace atomically and durably: after a power cut there is the old content or the new, never a piece."""
    beside = path + ".new"
    with open(beside, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(value, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def locked(name: str, while_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """An exclusive file lock; who waits too long is told so. The kernel frees it when its holder dies."""
    with open(os.path.join(STATE, name), "a", encoding="ascii") as file:
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Refused("another act is running on this host") from None
                while_waiting()
                time.sleep(0.05)
        yield


def machine_id() -> str:
    with open("/etc/machine-id", encoding="ascii") as file:
        return file.read().strip()


def check_identity(request: Json) -> None:
    """Make sure that the request means this host and this environment."""
    record = read_json(os.path.join(STATE, "host.json"))
    if record is None:
        raise Refused("this host has no record of its own: run `clmdeploy host setup`")
    for key, name in (("environment", "environment"), ("host", "inventory name")):
        if record[key] != request[key]:
            raise Refused(f"this host belongs to {name} {record[key]!r}, not {request[key]!r}")
    if record["machine_id"] != machine_id():
        raise Refused(
            "this host's machine-id is not the one it was set up with: a copied disk? run `clmdeploy host setup`"
        )


def raise_token(scope: str, token: int, claim: Json | None = None) -> None:
    """Refuse an older token; remember a newer one before anything acts. A file of its own: acts write host.json.

    `claim`: the token comes from no lease, since the storage is out of reach, but is taken here. It must be larger than
    the newest, and the newest the one that the claimant has seen: of two who claim at once one is refused. A change may
    claim again what it has claimed, or say that its work has ended.
    """
    path = os.path.join(STATE, "tokens.json")
    with locked("tokens.lock"):
        tokens = read_json(path) or {}
        newest, standing = tokens.get(scope, 0), tokens.get("claim")
        if token < newest or (claim and not may_claim(claim, standing, token, newest)):
            stale = {"token": token, "newest": newest, "claim": claim_of(tokens, scope)}
            who = holder(tokens, scope)
            raise Refused(f"stale token {token}: this host has already seen {newest}; {who} took over", stale=stale)
        if claim:
            write_json(path, {**tokens, scope: token, "claim": {**claim, "scope": scope, "token": token}})
        elif token > newest:
            overtaken = {"claim"} if standing and standing["scope"] == scope else set()
            write_json(path, {name: value for name, value in {**tokens, scope: token}.items() if name not in overtaken})


def may_claim(claim: Json, standing: Json | None, token: int, newest: int) -> bool:
    return (token > newest == claim["expect"]) or bool(standing and standing["change"] == claim["change"])


def holder(tokens: Json, scope: str) -> str:
    """Who is known to have taken the newest token."""
    claim = claim_of(tokens, scope)
    if claim is None:
        return "another change"
    return f"{claim['who']}, at work without the storage since {claim['since']} (change {claim['change']}),"


def claim_of(tokens: Json, scope: str) -> Json | None:
    claim = tokens.get("claim") or {}
    return claim if claim.get("scope") == scope else None


def active_units(scope: str) -> list[str]:
    """Names of a scope's act units that systemd still runs, without suffix. Each has its directory for as long."""
    begun = [name for name in os.listdir(os.path.join(RUN, scope)) if UNIT.fullmatch(name)]
    if not begun:
        return []
    states = "--state=active,activating,deactivating"
    listing = subprocess.run(
        ["systemctl", "list-units", "--plain", "--no-legend", states, *(name + ".service" for name in begun)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return [line.split()[0][: -len(".service")] for line in listing.stdout.splitlines() if line.strip()]


def end_units(names: list[str]) -> None:
    for name in names:
        subprocess.run(["systemctl", "stop", name + ".service"], capture_output=True, timeout=90, check=False)


def run(request: Json) -> Json:
    """Run one act as a transient unit and keep its result for a later probe."""
    unit, scope = checked_unit(request), checked_scope(request)
    with locked(f"{scope}.lock"):
        check_identity(request)
        raise_token(scope, request["token"])
        running = active_units(scope)
        if running:
            raise Refused(f"unit {running[0]} is still running on this host")
        place = prepare(unit, request)
        try:
            reply = run_unit(unit, place, request["timeout"])
        except (
            subprocess.TimeoutExpired
        ):  # not even SIGKILL ends it; its directory stays, so that it is seen as running
            return {"status": "timed-out", "message": "the act does not end, not even by force", "result": {}}
        began = not os.path.exists(os.path.join(place, "input.json"))
        remove(place)
        if not began:
            os.unlink(os.path.join(STATE, "acts", unit + ".json"))
            raise Refused(f"the act could not be started: {reply['message']}")
        keep_result(unit, reply)
    return reply


def keep_result(unit: str, reply: Json) -> None:
    """For a later probe. A full disk must not turn what was done into a failure: then the host itself is asked."""
    with contextlib.suppress(OSError):
        write_json(os.path.join(STATE, "acts", unit + ".json"), reply)
        forget_old_results()


def checked_unit(request: Json) -> str:
    unit = str(request["unit"])
    if not UNIT.fullmatch(unit):
        raise Refused("the unit's name is not one of ours")
    return unit


def checked_scope(request: Json) -> str:
    """What this is about: acts on the data are no reason to keep those on the fleet waiting, and the other way."""
    scope = str(request["scope"])
    if scope not in SCOPES:
        raise Refused("the scope is not one of ours")
    return scope


def prepare(unit: str, request: Json) -> str:
    """The act's own directory, on tmpfs and closed to others: its input may hold a presigned address."""
    place = os.path.join(RUN, request["scope"], unit)
    remove(place)
    try:
        os.makedirs(place, mode=0o700)
        with open(os.path.join(place, "acts.pyz"), "wb") as file:
            file.write(base64.b64decode(request["program"], validate=True))
        write_json(os.path.join(place, "input.json"), request["call"])
        write_json(os.path.join(STATE, "acts", unit + ".json"), {"status": "in-flight", "message": "", "result": {}})
    except OSError as error:
        remove(place)
        raise Refused(f"nothing was begun: {error}") from None
    return place


def remove(place: str) -> None:
    """Remove an act's own directory, which is flat; one that is not there is removed already."""
    with contextlib.suppress(OSError):
        for name in os.listdir(place):
            os.unlink(os.path.join(place, name))
        os.rmdir(place)


def run_unit(unit: str, place: str, timeout: float) -> Json:
    command = [
        "systemd-run", "--quiet", "--wait", "--collect", "--service-type=exec", f"--unit={unit}",
        f"--property=RuntimeMaxSec={int(timeout)}", "--property=KillMode=control-group", "--property=TimeoutStopSec=10",
        "--setenv=LC_ALL=C.UTF-8", PYTHON, "-IS", os.path.join(place, "acts.pyz"), place,
    ]  # fmt: skip
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout + 60, check=False)
    return reply_of(place, finished.returncode, finished.stderr)


def reply_of(place: str, code: int, complaint: bytes) -> Json:
    path = os.path.join(place, "reply.json")
    if os.path.exists(path) and os.path.getsize(path) <= MAX_REPLY:
        return read_json(path) or {}
    text = complaint.decode(errors="replace").strip()[-2000:]
    return {
        "status": "failed",
        "message": text or f"the act ended without a reply (exit code {code}): time limit or kill",
        "result": {},
    }


def forget_old_results() -> None:
    directory = os.path.join(STATE, "acts")
    names = sorted(os.listdir(directory), key=lambda name: os.path.getmtime(os.path.join(directory, name)))
    for name in names[:-KEEP_RESULTS]:
        os.unlink(os.path.join(directory, name))


def ask(request: Json) -> Json:
    """A read-only act, run at once beside whatever else goes on."""
    if request["call"]["verb"] not in ("ask", "probe"):
        raise Refused("only questions are asked without lock and token")
    check_identity(request)
    unit = "ask-" + base64.b16encode(os.urandom(8)).decode().lower()
    place = os.path.join(RUN, unit)
    os.makedirs(place, mode=0o700)
    try:
        with open(os.path.join(place, "acts.pyz"), "wb") as file:
            file.write(base64.b64decode(request["program"], validate=True))
        write_json(os.path.join(place, "input.json"), request["call"])
        finished = subprocess.run(
            [PYTHON, "-IS", os.path.join(place, "acts.pyz"), place],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=request["timeout"], check=False,
        )  # fmt: skip
        return reply_of(place, finished.returncode, finished.stderr)
    finally:
        remove(place)


def probe(request: Json) -> Json:
    """What became of a unit, from systemd and from the result that was kept."""
    unit, scope = checked_unit(request), checked_scope(request)
    if unit in active_units(scope):
        return {"status": "in-flight", "message": "", "result": {}}
    kept = read_json(os.path.join(STATE, "acts", unit + ".json"))
    if kept is None or kept["status"] == "in-flight":
        return {"status": "unknown", "message": "no result was kept", "result": {}}
    return kept


def fence(request: Json) -> Json:
    """After this no older control node can act here, and nothing of it still runs.

    The token goes up first; then units are ended for as long as an older guard holds the lock, so that an act which had
    passed its check before the token rose is ended too.
    """
    check_identity(request)
    scope, claim = checked_scope(request), request.get("claim")
    raise_token(scope, request["token"], claim)
    if claim and claim["ended"]:
        return {"status": "done", "message": "", "result": {"ended": [], "claimed": True}}
    ended: list[str] = []

    def end_running() -> None:
        names = active_units(scope)
        end_units(names)
        ended.extend(names)

    end_running()
    with locked(f"{scope}.lock", while_waiting=end_running):
        end_running()
    return {"status": "done", "message": "", "result": {"ended": ended, "claimed": bool(claim)}}


VERBS = {"run": run, "ask": ask, "probe": probe, "fence": fence}


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[1] not in VERBS:
        sys.stderr.write(__doc__)
        return 2
    os.umask(0o077)
    raw = sys.stdin.buffer.read(MAX_REQUEST + 1)
    try:
        if len(raw) > MAX_REQUEST:
            raise Refused("the request is too large")  # noqa: TRY301  # one place answers all refusals
        os.makedirs(os.path.join(STATE, "acts"), mode=0o700, exist_ok=True)
        for scope in SCOPES:
            os.makedirs(os.path.join(RUN, scope), mode=0o700, exist_ok=True)
        reply = VERBS[arguments[1]](json.loads(raw))
    except Refused as refusal:
        reply = {"status": "refused", "message": str(refusal), "result": refusal.facts}
    except (KeyError, TypeError, ValueError, OSError, subprocess.SubprocessError) as error:
        reply = {"status": "failed", "message": f"{type(error).__name__}: {error}"[:2000], "result": {}}
    sys.stdout.write(json.dumps(reply, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
