"""The catalogue: which restore points exist, in the state bucket. A point is whole or not there.

    ENV/points/ID.json       the manifest, signed; created once, last of all, and never changed
    ENV/points/ID.standing   pinned, or on its way out; signed, replaced conditionally (see `standing`)
    ENV/points/ID.removed    nothing is kept for it any more; signed
    ENV/points-index         all manifests once more, under one signature: makes a listing one read, and is no authority

The index may be old or gone: what it lacks is read one by one. What it has and the bucket has no more is told.
"""

from __future__ import annotations

import bisect
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clmdeploy.backups.listing import Entry, Found, Index, Listing, Names
from clmdeploy.backups.point import RestorePoint, is_point_id
from clmdeploy.backups.sealed import Document, not_believed, seal, unseal
from clmdeploy.backups.standing import Removal, Standing
from clmdeploy.backups.words import (
    going_already,
    manifest_gone,
    moved,
    no_such_point,
    not_going,
    pinned_meanwhile,
    raced,
)
from clmdeploy.changes.persistence import create, replace
from clmdeploy.changes.ports import Missing, ObjectStore
from clmdeploy.model.errors import (
    ClmError,
    Conflict,
    InvalidInput,
    NothingChanged,
    StoreUnavailable,
    VerificationFailed,
)
from clmdeploy.model.signing import Signer, Verifier

PARALLEL = 8
LARGEST_INDEX = 64 * 1024**2  # bytes; 20,000 points of some trees each stay below
_NEIGHBOURS = 3  # points named on either side of one that isn't there


@dataclass(frozen=True)
class Catalogue:
    """The restore points of one environment. Reading needs no signer that works: see `LateSigner`."""

    store: ObjectStore
    environment: str
    environment_id: str
    signer: Signer
    verifier: Verifier

    def publish(self, point: RestorePoint) -> Entry:
        """Make the point exist, which is the last step of making it. Publishing the same again does nothing.

        Raises InvalidInput when it is of another environment, when nobody would believe the signature, or when
        another point has this ID.
        """
        self._refuse_foreign(point.id, point, InvalidInput)
        key = self._key(point.id, "json")
        body, principal = seal(point, self.signer, self.verifier)
        if not self._is_published(point, key):
            try:
                create(self.store, key, body)
            except Conflict:  # a retry may sign anew, with other bytes
                self._is_published(point, key)
        return Entry(point=point, principal=principal)

    def listing(self) -> Listing:
        """All points, newest first; those whose removal has begun apart, and what can't be believed in words.

        One damaged object does not hide the others: at night somebody needs one of them.
        """
        names = Names.of(self.store.keys(self._prefix), self._prefix)
        index = self._index()
        known = {entry.point.id: entry for entry in index.entries} if index else {}
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="points") as pool:
            found = list(pool.map(lambda one: self._found(one, known.get(one), one in names.standing), names.living))
        lost = [manifest_gone(self._key(one, "json")) for one in known if one not in names.manifests | names.removed]
        return Listing.of(found, lost)

    def get(self, point_id: str) -> Entry:
        """One point, from its own manifest. Raises InvalidInput, naming the nearest, when there is none (any more).

        Raises VerificationFailed when what is stored can't be believed.
        """
        names = Names.of(self.store.keys(self._prefix), self._prefix)
        if not is_point_id(point_id) or point_id not in names.manifests or point_id in names.removed:
            near = names.living
            at = bisect.bisect(near, point_id)
            raise no_such_point(point_id, near[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS])
        return self._read(point_id, point_id in names.standing)

    def stand(self, standing: Standing) -> Standing:
        """Pin a point, or take its pin away. Raises NothingChanged when its removal has begun, Conflict in a race."""
        if standing.is_going:
            raise InvalidInput("a removal begins with begin_removal")
        present = self.get(standing.point)
        if present.is_going:
            raise NothingChanged(*going_already(standing.point))
        self._put_standing(standing, present.etag)
        return standing

    def begin_removal(self, entry: Entry, standing: Standing) -> Standing:
        """From here on it is no restore point any more; then its bytes may be dropped. Does nothing a second time.

        Raises NothingChanged when it was pinned, or its pin was changed, after `entry` was read.
        """
        if not standing.is_going or standing.point != entry.point.id:
            raise InvalidInput(f"{entry.point.id}: this is no removal of it")
        if entry.is_pinned:
            raise NothingChanged(*pinned_meanwhile(standing.point))
        present = self.get(standing.point)
        if present.is_going and present.standing:
            return present.standing
        if present.etag != entry.etag:
            raise NothingChanged(*pinned_meanwhile(standing.point))
        self._put_standing(standing, entry.etag)
        return standing

    def finish_removal(self, removal: Removal) -> None:
        """Once the engines keep nothing for it. Raises NothingChanged when its removal never began."""
        key = self._key(removal.point, "removed")
        if key in self.store.keys(key):
            return
        if not self.get(removal.point).is_going:
            raise NothingChanged(*not_going(removal.point))
        try:
            create(self.store, key, seal(removal, self.signer, self.verifier)[0])
        except Conflict:
            return  # somebody else has finished it

    def reindex(self, listing: Listing) -> bool:
        """Write the index anew; False when somebody else did just now, or the storage is silent: it is no authority."""
        entries = tuple(entry.bare for entry in (*listing.points, *listing.going))
        index = Index(environment_id=self.environment_id, entries=entries)
        body = seal(index, self.signer, self.verifier)[0]
        try:
            self.store.put(self._index_key, body)
        except (Conflict, StoreUnavailable):
            return False
        return True

    def _found(self, point_id: str, known: Entry | None, stands: bool) -> Found:
        try:
            return Found(point_id, entry=self._with_standing(known, stands) if known else self._read(point_id, stands))
        except VerificationFailed as error:
            return Found(point_id, fault=error.message)

    def _read(self, point_id: str, stands: bool) -> Entry:
        key = self._key(point_id, "json")
        point, principal = self._unsealed(RestorePoint, key)[:2]
        self._refuse_foreign(point_id, point, VerificationFailed)
        return self._with_standing(Entry(point=point, principal=principal), stands)

    def _with_standing(self, entry: Entry, stands: bool) -> Entry:
        if not stands:
            return entry
        key = self._key(entry.point.id, "standing")
        standing, _, etag = self._unsealed(Standing, key)
        if (standing.point, standing.environment_id) != (entry.point.id, self.environment_id):
            raise not_believed(key, moved(standing.point))
        return Entry(point=entry.point, principal=entry.principal, standing=standing, etag=etag)

    def _unsealed(self, kind: type[Document], key: str) -> tuple[Document, str, str]:
        """The document, who signed it, and the etag of the object."""
        try:
            stored = self.store.get(key)
        except Missing:
            raise VerificationFailed(manifest_gone(key)) from None
        except InvalidInput as error:  # larger than anything that this tool writes
            raise not_believed(key, error.message) from error
        return (*unseal(kind, stored.body, self.verifier, key), stored.etag)

    def _index(self) -> Index | None:
        """None when there is none that can be believed: then all is read one by one."""
        try:
            body = self.store.get(self._index_key, LARGEST_INDEX).body
            index = unseal(Index, body, self.verifier, self._index_key)[0]
        except (Missing, InvalidInput, VerificationFailed):
            return None
        ours = index.environment_id == self.environment_id
        return index if ours and all(self._is_ours(entry.point) for entry in index.entries) else None

    def _is_published(self, point: RestorePoint, key: str) -> bool:
        """Raises InvalidInput when it is another point that has this ID."""
        if key not in self.store.keys(key):
            return False
        if self._unsealed(RestorePoint, key)[0] != point:
            raise InvalidInput(*raced(key))
        return True

    def _put_standing(self, standing: Standing, etag: str | None) -> None:
        key, body = self._key(standing.point, "standing"), seal(standing, self.signer, self.verifier)[0]
        if etag is None:
            create(self.store, key, body)
        else:
            replace(self.store, key, body, etag)

    def _refuse_foreign(self, point_id: str, point: RestorePoint, error: type[ClmError]) -> None:
        if point.id != point_id or not self._is_ours(point):
            raise error(moved(f"{point.environment} {point.environment_id} {point.id}"))

    def _is_ours(self, point: RestorePoint) -> bool:
        return (point.environment, point.environment_id) == (self.environment, self.environment_id)

    def _key(self, point_id: str, what: str) -> str:
        return f"{self._prefix}{point_id}.{what}"

    @property
    def _prefix(self) -> str:
        return f"{self.environment}/points/"

    @property
    def _index_key(self) -> str:
        return f"{self.environment}/points-index"
