"""The journal as JSON lines that an outsider can check with sha256sum and ssh-keygen (docs/json.md says how).

Each event stands in its line byte for byte as it is stored, so that its digest can be computed from the line.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from clmdeploy.changes.chain import StoredEvent, chain
from clmdeploy.changes.events import Event
from clmdeploy.changes.head import Head, read_head
from clmdeploy.changes.journal import Journal
from clmdeploy.changes.ports import Missing
from clmdeploy.changes.verification import BEHEADED, gone_words
from clmdeploy.model.errors import VerificationFailed
from clmdeploy.model.value import canonical_json

UNVERIFIED_HINT = "`clmdeploy journal export --unverified` writes all that is there, with what does not fit marked"


@dataclass
class JournalExport:
    """One export. `events` and `faults` count what was written, and are right once `lines` is through."""

    journal: Journal
    wanted: Callable[[Event], bool] = lambda _event: True
    unverified: bool = False
    """go on behind what does not fit, and mark it"""
    events: int = 0
    faults: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[bytes]:
        """Lines without their ends: the events in the chain's order, then the signed head.

        Raises VerificationFailed at the first event that does not fit, and when the head does not, unless `unverified`.
        """
        key, stored = self._head()
        head, fault = self._believed(key, stored)
        self._refuse(fault)
        signed, found = head.last if head else None, False
        for one in chain(self.journal):
            self._refuse(one.fault)
            found = found or (signed is not None and signed.digest == one.digest)
            if one.event is None or self.wanted(one.event):
                self.events += 1
                yield event_line(one)
        if stored is None and self.events:
            fault = BEHEADED
        elif signed is not None and not found:
            fault = gone_words(f"{signed.change}/{signed.seq:06d}")
        self._refuse(fault)
        yield head_line(key, stored, fault)

    def _refuse(self, fault: str) -> None:
        if fault and not self.unverified:
            raise VerificationFailed(fault, UNVERIFIED_HINT)
        if fault and fault not in self.faults:
            self.faults.append(fault)

    def _head(self) -> tuple[str, bytes | None]:
        key = f"{self.journal.root}/journal/head"
        try:
            return key, self.journal.store.get(key).body
        except Missing:
            return key, None

    def _believed(self, key: str, stored: bytes | None) -> tuple[Head | None, str]:
        """The head, or why it can't be believed."""
        if stored is None:
            return None, ""
        try:
            return read_head(stored, self.journal.verifier, key), ""
        except VerificationFailed as error:
            return None, error.message


def event_line(one: StoredEvent) -> bytes:
    """`digest`, `key`, `fault` if there is one, and last `event`; or `stored`, in base64, where it is no JSON line."""
    about = {"digest": one.digest, "key": one.key} | ({"fault": one.fault} if one.fault else {})
    if one.event is None or b"\n" in one.body:
        return canonical_json(about | {"stored": base64.b64encode(one.body).decode()})
    return canonical_json(about)[:-1] + b',"event":' + one.body + b"}"


def head_line(key: str, stored: bytes | None, fault: str) -> bytes:
    """`key`, `fault` if there is one, `head` and its `signature`; null where there is none."""
    about = canonical_json({"key": key} | ({"fault": fault} if fault else {}))
    try:
        document = json.loads(stored or b"{}")
    except (ValueError, RecursionError):
        document = None
    found = document if isinstance(document, dict) else {}
    sealed = {"head": found.get("head"), "signature": found.get("signature")}
    return about[:-1] + b"," + canonical_json(sealed)[1:]
