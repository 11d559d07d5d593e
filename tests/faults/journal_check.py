"""The journal checked from its bytes, by other code than the tool's: chain, plans, and the signature of the head."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_GENESIS = "0" * 64
_Objects = Mapping[str, bytes]


@dataclass(frozen=True)
class _Entry:
    name: str
    digest: str
    event: Mapping[str, Any]  # Any: JSON

    @property
    def follows(self) -> str:
        """Digest of what comes before it in the whole chain; `previous` is of its own change after the first event."""
        return str(self.event["detail"].get("after", self.event["previous"]))


def journal_faults(objects: _Objects, allowed_signers: Path, principal: str) -> list[str]:
    """`objects`: key → bytes of everything below `changes/` and `journal/`, the environment's name cut off."""
    entries = [
        _Entry(key, hashlib.sha256(body).hexdigest(), json.loads(body))
        for key, body in sorted(objects.items())
        if "/events/" in key
    ]
    end, faults = _followed(entries)
    faults += [*_faults_within_changes(entries), *_plan_faults(entries, objects)]
    if "journal/head" not in objects:
        return [*faults, "there are events, but no head"] if entries else faults
    head = json.loads(objects["journal/head"])
    named = head["head"]["last"]["digest"] if head["head"]["last"] else _GENESIS
    faults += _signature_faults(head, allowed_signers, principal)
    return faults + ([] if named == end else [f"the head names {named[:12]}, but the journal ends with {end[:12]}"])


def _followed(entries: list[_Entry]) -> tuple[str, list[str]]:
    """The end of the chain. From its beginning each event must be reached, one after the other, without a fork."""
    after: dict[str, list[_Entry]] = {}
    for entry in entries:
        after.setdefault(entry.follows, []).append(entry)
    faults = [f"{', '.join(one.name for one in them)} claim one place" for them in after.values() if len(them) > 1]
    place, reached = _GENESIS, 0
    while place in after and reached < len(entries):
        place, reached = after[place][0].digest, reached + 1
    if reached != len(entries):
        faults.append(f"only {reached} of {len(entries)} events are joined to the chain")
    return place, faults


def _faults_within_changes(entries: list[_Entry]) -> list[str]:
    """Within a change: numbers without a gap from 0, each event naming the SHA-256 of the one before it."""
    faults: list[str] = []
    last: dict[str, tuple[int, str]] = {}
    for entry in entries:
        change, number = entry.event["change"], int(entry.event["seq"])
        expected, previous = last.get(change, (0, ""))
        if number != expected or not entry.name.endswith(f"/{number:06d}") or f"/{change}/" not in entry.name:
            faults.append(f"{entry.name} is number {number} of {change}; expected was {expected}")
        if previous and entry.event["previous"] != previous:
            faults.append(f"{entry.name} does not name the event before it")
        last[change] = (number + 1, entry.digest)
    return faults


def _plan_faults(entries: list[_Entry], objects: _Objects) -> list[str]:
    opened = [entry for entry in entries if entry.event["kind"] == "opened"]
    return [
        f"the plan of {one.event['change']} is not the one announced"
        for one in opened
        if one.event["detail"]["plan"] != _plan_digest(objects[f"changes/{one.event['change']}/plan"])
    ]


def _plan_digest(body: bytes) -> str:
    return hashlib.sha256(canonical(json.loads(body)["plan"])).hexdigest()


def _signature_faults(document: Mapping[str, Any], allowed_signers: Path, principal: str) -> list[str]:
    """By ssh-keygen(1) itself."""
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as signature:
        signature.write(document["signature"])
        signature.flush()
        checked = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", allowed_signers, "-I", principal, "-n", "clmdeploy.journal", "-s",
             signature.name],
            input=canonical(document["head"]), capture_output=True, timeout=30, check=False,
        )  # fmt: skip
    return [] if checked.returncode == 0 else [f"the head's signature: {checked.stderr.decode().strip()}"]


def canonical(value: object) -> bytes:
    """JSON with sorted keys and without spaces, as docs/json.md says."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
