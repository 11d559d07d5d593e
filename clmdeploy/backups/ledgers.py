"""Where the ledgers of verification are kept: `ENV/verification/ledger/PART`, signed, one object a part."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.parts import Part
from clmdeploy.backups.sealed import not_believed, seal, unseal
from clmdeploy.backups.verification import Ledger
from clmdeploy.backups.words import moved
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import InvalidInput, VerificationFailed
from clmdeploy.model.signing import Signer, Verifier

LARGEST = 256 * 1024**2  # bytes; a part of half a million objects stays below


@dataclass(frozen=True)
class Kept:
    """A ledger, and the entity tag of the object that it was read from; empty: there is none yet."""

    ledger: Ledger
    etag: str = ""


@dataclass(frozen=True)
class Ledgers:
    """Of one environment."""

    store: ObjectStore
    environment: str
    environment_id: str
    signer: Signer
    verifier: Verifier

    def parts(self) -> frozenset[str]:
        """Names of the parts that have one."""
        return frozenset(key[len(self._prefix) :] for key in self.store.keys(self._prefix))

    def read(self, part: Part, *, anew: bool = False) -> Kept:
        """Empty where there is none. `anew`: one that can't be believed counts as empty, and is written over.

        Raises VerificationFailed otherwise.
        """
        key, empty = self._key(part), Ledger(environment_id=self.environment_id, part=str(part))
        try:
            stored = self.store.get(key, LARGEST)
        except Missing:
            return Kept(empty)
        try:
            ledger = unseal(Ledger, stored.body, self.verifier, key)[0]
            if (ledger.environment_id, ledger.part) != (self.environment_id, str(part)):
                raise not_believed(key, moved(f"{ledger.environment_id} {ledger.part}"))
        except VerificationFailed as error:
            if not anew:
                raise VerificationFailed(error.message, words.READ_ANEW) from error
            return Kept(empty, stored.etag)
        return Kept(ledger, stored.etag)

    def save(self, part: Part, kept: Kept) -> Kept:
        """In place of what was read. Raises Conflict when somebody else wrote since, InvalidInput without a key."""
        key, body = self._key(part), seal(kept.ledger, self.signer, self.verifier)[0]
        if len(body) > LARGEST:
            raise InvalidInput(words.ledger_too_large(key, len(body)))
        etag = replace(self.store, key, body, kept.etag) if kept.etag else create(self.store, key, body)
        return Kept(kept.ledger, etag)

    def _key(self, part: Part) -> str:
        return f"{self._prefix}{part}"

    @property
    def _prefix(self) -> str:
        return f"{self.environment}/verification/ledger/"
