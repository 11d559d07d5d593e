"""Lists what is published and what was installed. Reads only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pydantic import Field

from clmdeploy.changes.journal import Journal
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value
from clmdeploy.model.version import Version
from clmdeploy.releases.catalogue import Catalogue
from clmdeploy.releases.history import Installation, installation
from clmdeploy.releases.manifest import Release
from clmdeploy.releases.notes import between

PARALLEL = 8


class Listed(Value):
    """One published release in a listing. A damaged or untrusted one is listed with its fault."""

    version: Version
    fault: str = ""
    published: str | None = Field(None, description="ISO 8601 with zone, by the storage's clock")
    signer: str | None = None
    size: int = Field(0, description="bytes of the bundle")
    files: int = 0


def listing(catalogue: Catalogue, name: str) -> list[Listed]:
    """Every published release of `name`, lowest version first; each signature is verified."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="releases") as pool:
        return list(pool.map(lambda version: _listed(catalogue, name, version), catalogue.versions(name)))


def _listed(catalogue: Catalogue, name: str, version: Version) -> Listed:
    try:
        found = catalogue.fetch(name, version)
    except InvalidInput as error:
        return Listed(version=version, fault=error.message)
    at = found.published.isoformat(timespec="seconds") if found.published else None
    return Listed(
        version=version,
        published=at,
        signer=found.principal,
        size=found.release.bundle.size,
        files=len(found.release.files),
    )


def releases_between(
    catalogue: Catalogue, name: str, since: Version | None, up_to: Version
) -> tuple[list[Release], Release | None]:
    """The releases above `since` up to `up_to`, or `up_to` alone; and the published release before the lowest of them.

    Raises InvalidInput when one of them is not published or not to be trusted.
    """
    published = catalogue.versions(name)
    wanted = [up_to] if since is None else between(published, since, up_to)
    if not wanted or up_to not in wanted:
        wanted.append(up_to)  # let `fetch` say which one is missing
    releases = [catalogue.fetch(name, version).release for version in wanted]
    lower = [version for version in published if version < releases[0].version]
    return releases, catalogue.fetch(name, lower[-1]).release if lower else None


def history(journal: Journal, most: int) -> list[Installation]:
    """The deploys and rollbacks among the newest `most` changes, oldest first.

    Raises VerificationFailed for an event that can't be read, or a plan that nobody trusted signed.
    """
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="history") as pool:
        told = pool.map(
            lambda change: installation(change, journal.plan(change).plan, journal.events(change)),
            journal.changes()[-most:],
        )
        # IDs tell the second, events the millisecond.
        return sorted((one for one in told if one is not None), key=lambda one: datetime.fromisoformat(one.began))
