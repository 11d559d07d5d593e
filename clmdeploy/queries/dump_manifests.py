"""What the manifest of a dump says: which objects must be there. It is believed by its digest, in the signed point."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from clmdeploy.backups import verification_words as words
from clmdeploy.backups.parts import DUMP_MANIFEST, Part, StorageMap
from clmdeploy.backups.pgdump_works import manifest_command
from clmdeploy.model.value import JsonValue
from clmdeploy.queries.manifests import Told
from clmdeploy.queries.stored_objects import StoredObjects

LARGEST = 64 * 1024**2  # bytes


class DumpManifest(BaseModel):
    """As the act `dump` writes it: member → its parts, each with name, stored and plain size."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["dump/1"]
    members: dict[str, tuple[tuple[str, int, int], ...]]


@dataclass(frozen=True)
class DumpManifests:
    """Raises NothingChanged when the backup host or the storage does not serve."""

    objects: StoredObjects
    store: JsonValue
    layout: StorageMap

    def told(self, part: Part, digest: str) -> Told:
        """`digest`: of the manifest that the point was made with."""
        key = self.layout.dump_key(part.repository, part.name, DUMP_MANIFEST)
        body = self.objects.said(manifest_command(self.store, part.repository, part.name, DUMP_MANIFEST)).whole(LARGEST)
        found = hashlib.sha256(body).hexdigest()
        if found != digest:
            return Told(faults={key: words.other_content(found, digest)}, is_known=False)
        try:
            manifest = DumpManifest.model_validate_json(body)
        except ValidationError:
            return Told(faults={key: words.OTHER_CHECKSUM}, is_known=False)
        names = [name for parts in manifest.members.values() for name, _, _ in parts]
        keys = [self.layout.dump_key(part.repository, part.name, name) for name in names]
        return Told(pieces={one: bytearray() for one in keys})
