"""The signed objects of an environment's restore points: read and believed, or refused by name."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.backups.listing import Entry, Index, Names
from clmdeploy.backups.point import RestorePoint
from clmdeploy.backups.sealed import Document, not_believed, seal, unseal
from clmdeploy.backups.standing import Removal, Standing
from clmdeploy.backups.words import manifest_gone, moved
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import ClmError, InvalidInput, VerificationFailed
from clmdeploy.model.signing import Signer, Verifier
from clmdeploy.model.value import Value

LARGEST_INDEX = 64 * 1024**2  # bytes; 20,000 points of some trees each stay below


@dataclass(frozen=True)
class PointObjects:
    """Where the objects lie, and whom to believe. Reading needs no signer that works: see `LateSigner`."""

    store: ObjectStore
    environment: str
    environment_id: str
    signer: Signer
    verifier: Verifier

    def names(self) -> Names:
        """Which objects there are; what they say is not looked at."""
        return Names.of(self.store.keys(self._prefix), self._prefix)

    def read_entry(self, point_id: str, *, stands: bool) -> Entry:
        """A point by its own manifest; `stands`: something stands beside it. Raises VerificationFailed."""
        key = self.key(point_id, "json")
        point, principal = self._unsealed(RestorePoint, key)[:2]
        self.refuse_foreign(point_id, point, VerificationFailed)
        return self.with_standing(Entry(point=point, principal=principal), stands=stands)

    def with_standing(self, entry: Entry, *, stands: bool) -> Entry:
        """With what stands beside the point. Raises VerificationFailed."""
        if not stands:
            return entry
        key = self.key(entry.point.id, "standing")
        standing, _, etag = self._unsealed(Standing, key)
        self._refuse_moved(key, standing, entry.point.id)
        return Entry(point=entry.point, principal=entry.principal, standing=standing, etag=etag)

    def read_removal(self, point_id: str) -> Removal:
        """The word that nothing is kept for a point any more. Raises VerificationFailed: whoever writes to the bucket
        could make a point vanish otherwise.
        """
        key = self.key(point_id, "removed")
        removal = self._unsealed(Removal, key)[0]
        self._refuse_moved(key, removal, point_id)
        return removal

    def read_index(self) -> Index | None:
        """None when there is none that can be believed: then all is read one by one."""
        try:
            body = self.store.get(self.index_key, LARGEST_INDEX).body
            index = unseal(Index, body, self.verifier, self.index_key)[0]
        except (Missing, InvalidInput, VerificationFailed):
            return None
        ours = index.environment_id == self.environment_id
        return index if ours and all(self._is_ours(entry.point) for entry in index.entries) else None

    def published(self, point_id: str) -> RestorePoint | None:
        """What is published under this ID already."""
        key = self.key(point_id, "json")
        return self._unsealed(RestorePoint, key)[0] if key in self.store.keys(key) else None

    def sealed(self, document: Value) -> tuple[bytes, str]:
        """As it is stored, and who signs. Raises InvalidInput when nobody would believe it."""
        return seal(document, self.signer, self.verifier)

    def put_standing(self, standing: Standing, etag: str | None) -> None:
        """In place of what `etag` names, or where nothing was. Raises Conflict."""
        key, body = self.key(standing.point, "standing"), self.sealed(standing)[0]
        if etag is None:
            create(self.store, key, body)
        else:
            replace(self.store, key, body, etag)

    def refuse_foreign(self, point_id: str, point: RestorePoint, error: type[ClmError]) -> None:
        """Raises `error` when the point is another, or of another environment."""
        if point.id != point_id or not self._is_ours(point):
            raise error(moved(f"{point.environment} {point.environment_id} {point.id}"))

    def key(self, point_id: str, what: str) -> str:
        return f"{self._prefix}{point_id}.{what}"

    @property
    def index_key(self) -> str:
        return f"{self.environment}/points-index"

    def _unsealed(self, kind: type[Document], key: str) -> tuple[Document, str, str]:
        """The document, who signed it, and the etag of the object."""
        try:
            stored = self.store.get(key)
        except Missing:
            raise VerificationFailed(manifest_gone(key)) from None
        except InvalidInput as error:  # larger than anything that this tool writes
            raise not_believed(key, error.message) from error
        return (*unseal(kind, stored.body, self.verifier, key), stored.etag)

    def _refuse_moved(self, key: str, found: Standing | Removal, point_id: str) -> None:
        if (found.point, found.environment_id) != (point_id, self.environment_id):
            raise not_believed(key, moved(found.point))

    def _is_ours(self, point: RestorePoint) -> bool:
        return (point.environment, point.environment_id) == (self.environment, self.environment_id)

    @property
    def _prefix(self) -> str:
        return f"{self.environment}/points/"
