"""The catalogue: which restore points exist, in the state bucket. A point is whole or not there.

    ENV/points/ID.json       the manifest, signed; created once, last of all, and never changed
    ENV/points/ID.standing   pinned, or on its way out; signed, replaced conditionally (see `standing`)
    ENV/points/ID.removed    nothing is kept for it any more; signed
    ENV/points-index         all of that once more, under one signature: makes a listing one read, and is no authority

The index may be old or gone: what it lacks is read one by one. What it has and the bucket has no more is told.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clmdeploy.backups.listing import Entry, Found, Index, Listing, Names
from clmdeploy.backups.objects import PointObjects
from clmdeploy.backups.point import RestorePoint, is_point_id
from clmdeploy.backups.standing import Removal, Standing
from clmdeploy.backups.words import (
    going_already,
    manifest_gone,
    no_such_point,
    not_going,
    pinned_meanwhile,
    raced,
    raced_standing,
)
from clmdeploy.changes.persistence import create
from clmdeploy.model.errors import Conflict, InvalidInput, NothingChanged, StoreUnavailable, VerificationFailed

PARALLEL = 8
_NEIGHBOURS = 3  # points named on either side of one that isn't there


@dataclass(frozen=True)
class Catalogue(PointObjects):
    """The restore points of one environment."""

    def publish(self, point: RestorePoint) -> Entry:
        """Make the point exist, which is the last step of making it. Publishing the same again does nothing.

        Raises InvalidInput when it is of another environment, when nobody would believe the signature, or when
        another point has this ID.
        """
        self.refuse_foreign(point.id, point, InvalidInput)
        body, principal = self.sealed(point)
        if not self._is_published(point):
            try:
                create(self.store, self.key(point.id, "json"), body)
            except Conflict:  # a retry may sign anew, with other bytes
                self._is_published(point)
        return Entry(point=point, principal=principal)

    def has(self, point_id: str) -> bool:
        """Whether a point was published under this ID; its removal may have begun since."""
        return is_point_id(point_id) and self.published(point_id) is not None

    def listing(self) -> Listing:
        """All points, newest first; those whose removal has begun apart, and what can't be believed in words.

        One damaged object does not hide the others: at night somebody needs one of them.
        """
        names, index = self.names(), self.read_index() or Index(environment_id=self.environment_id)
        known = {entry.point.id: entry for entry in index.entries}
        gone = [Found(one) for one in names.removed.intersection(index.removed)]
        gone += self._each(names.removed.difference(index.removed), self._removal)
        over = {one.id for one in gone if not one.fault}
        living = sorted(names.manifests - over)
        found = self._each(living, lambda one: self._living(one, known.get(one), names))
        lost = [manifest_gone(self.key(one, "json")) for one in known if one not in names.manifests | over]
        return Listing.of([*found, *(one for one in gone if one.fault)], lost, over)

    def get(self, point_id: str) -> Entry:
        """One point, from its own manifest. Raises InvalidInput, naming the nearest, when there is none (any more).

        Raises VerificationFailed when what is stored can't be believed.
        """
        names = self.names()
        if not is_point_id(point_id) or point_id not in names.manifests or self._is_removed(point_id, names):
            near = names.living
            at = bisect.bisect(near, point_id)
            raise no_such_point(point_id, near[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS])
        return self.read_entry(point_id, stands=point_id in names.standing)

    def stand(self, standing: Standing) -> Standing:
        """Pin a point, or take its pin away. Raises NothingChanged when its removal has begun, Conflict in a race."""
        if standing.is_going:
            raise InvalidInput("a removal begins with begin_removal")
        present = self.get(standing.point)
        if present.is_going:
            raise NothingChanged(*going_already(standing.point))
        return self._stands(standing, present.etag)

    def begin_removal(self, entry: Entry, standing: Standing) -> Standing:
        """From here on it is no restore point any more; then its bytes may be dropped. Does nothing a second time.

        Raises NothingChanged when it was pinned, or its pin was changed, after `entry` was read; Conflict in a race.
        """
        if not standing.is_going or standing.point != entry.point.id:
            raise InvalidInput(f"{entry.point.id}: this is no removal of it")
        present = self.refuse_changed(entry)
        if present.is_going and present.standing:
            return present.standing
        return self._stands(standing, entry.etag)

    def refuse_changed(self, entry: Entry) -> Entry:
        """As it stands now. Raises NothingChanged when it is pinned, or its pin was changed, after `entry` was read."""
        present = self.get(entry.point.id)
        if entry.is_pinned or not (present.is_going or present.etag == entry.etag):
            raise NothingChanged(*pinned_meanwhile(entry.point.id))
        return present

    def call_off_removal(self, standing: Standing, nonce: str) -> None:
        """Let a point be one again whose removal was begun under `nonce`, before anything of it was dropped.

        Does nothing where another removal has begun, or none. Raises Conflict in a race.
        """
        if standing.is_going:
            raise InvalidInput(f"{standing.point}: this calls off no removal")
        present = self.get(standing.point)
        if present.standing is not None and present.is_going and present.standing.nonce == nonce:
            self._stands(standing, present.etag)

    def finish_removal(self, removal: Removal) -> None:
        """Once the engines keep nothing for it. Raises NothingChanged when its removal never began."""
        if self._is_removed(removal.point, self.names()):
            return
        if not self.get(removal.point).is_going:
            raise NothingChanged(*not_going(removal.point))
        try:
            create(self.store, self.key(removal.point, "removed"), self.sealed(removal)[0])
        except Conflict:
            self.read_removal(removal.point)  # somebody else has finished it

    def reindex(self, listing: Listing) -> bool:
        """Write the index anew; False when somebody else did just now, or the storage is silent: it is no authority."""
        entries = tuple(entry.bare for entry in (*listing.points, *listing.going))
        index = Index(environment_id=self.environment_id, entries=entries, removed=listing.removed)
        try:
            self.store.put(self.index_key, self.sealed(index)[0])
        except (Conflict, StoreUnavailable):
            return False
        return True

    def _stands(self, standing: Standing, etag: str | None) -> Standing:
        try:
            self.put_standing(standing, etag)
        except Conflict as error:
            raise Conflict(*raced_standing(standing.point)) from error
        return standing

    def _living(self, point_id: str, known: Entry | None, names: Names) -> Found:
        stands = point_id in names.standing
        entry = self.with_standing(known, stands=stands) if known else self.read_entry(point_id, stands=stands)
        return Found(point_id, entry=entry)

    def _removal(self, point_id: str) -> Found:
        self.read_removal(point_id)
        return Found(point_id)

    def _is_removed(self, point_id: str, names: Names) -> bool:
        """Raises VerificationFailed when somebody only pretends so."""
        return point_id in names.removed and bool(self.read_removal(point_id))

    def _is_published(self, point: RestorePoint) -> bool:
        """Raises InvalidInput when it is another point that has this ID."""
        present = self.published(point.id)
        if present not in (None, point):
            raise InvalidInput(*raced(self.key(point.id, "json")))
        return present is not None

    def _each(self, point_ids: Iterable[str], look: Callable[[str], Found]) -> list[Found]:
        def looked(point_id: str) -> Found:
            try:
                return look(point_id)
            except VerificationFailed as error:
                return Found(point_id, fault=error.message)

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="points") as pool:
            return list(pool.map(looked, point_ids))
