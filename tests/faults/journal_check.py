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

    @classmethod
    def read(cls, name: str, body: bytes) -> _Entry:
        """Raises ValueError, KeyError or TypeError for what is no event."""
        event = json.loads(body)
        texts = [event["change"], event["kind"], event["previous"], event["detail"].get("after", "")]
        if not isinstance(event["seq"], int) or not all(isinstance(text, str) for text in texts):
            raise TypeError("of another type")
        return cls(name, hashlib.sha256(body).hexdigest(), event)

    @property
    def follows(self) -> str:
        """Digest of what comes before it in the whole chain; `previous` is of its own change after the first event."""
        return str(self.event["detail"].get("after", self.event["previous"]))


def journal_faults(objects: _Objects, allowed_signers: Path, principal: str) -> list[str]:
    """`objects`: key → bytes of everything below `changes/` and `journal/`, the environment's name cut off."""
    entries, faults = list[_Entry](), list[str]()
    for key, body in sorted(objects.items()):
        if "/events/" in key:
            try:
                entries.append(_Entry.read(key, body))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                faults.append(f"{key} is no event: {error!r}")
    end, unjoined = _followed(entries)
    faults += [*unjoined, *_faults_within_changes(entries), *_plan_faults(entries, objects)]
    if "journal/head" not in objects:
        return [*faults, "there are events, but no head"] if entries else faults
    try:
        return faults + _head_faults(json.loads(objects["journal/head"]), end, allowed_signers, principal)
    except (ValueError, KeyError, TypeError) as error:
        return [*faults, f"journal/head is no head: {error!r}"]


def _head_faults(head: Mapping[str, Any], end: str, allowed_signers: Path, principal: str) -> list[str]:
    """Of its signature, and of what it says is the end of the chain."""
    named = head["head"]["last"]["digest"] if head["head"]["last"] else _GENESIS
    faults = [] if named == end else [f"the head names {named[:12]}, but the journal ends with {end[:12]}"]
    return _signature_faults(head, allowed_signers, principal) + faults


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
    faults = list[str]()
    for event in (entry.event for entry in entries if entry.event["kind"] == "opened"):
        plan = objects.get(f"changes/{event['change']}/plan")
        if plan is None:
            faults.append(f"the plan of {event['change']} is missing")
        elif event["detail"].get("plan") != _plan_digest(plan):
            faults.append(f"the plan of {event['change']} is not the one announced")
    return faults


def _plan_digest(body: bytes) -> str:
    """Empty for what is no plan."""
    try:
        return hashlib.sha256(canonical(json.loads(body)["plan"])).hexdigest()
    except (ValueError, KeyError, TypeError):
        return ""


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
