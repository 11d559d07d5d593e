"""How long a listing takes where there are many restore points."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from clmdeploy.backups.point import begun_at, new_point_id
from clmdeploy.runtime import Runtime
from tests.bench.backups.ground import Ground
from tests.bench.backups.ours import Ours

_ROUNDS = 5


def measure_listing(ground: Ground, count: int) -> list[float]:
    """Seconds of each `backup list` of `count` points, made after the likeness of the newest one."""
    runtime = Runtime.of(ground.scratch / "inventories", "lab")
    catalogue = runtime.points
    listing = catalogue.listing()
    newest = listing.points[0].point

    def likeness(number: int) -> None:
        begun = begun_at(newest.id) - timedelta(hours=number + 1)
        catalogue.publish(newest.model_copy(update={"id": new_point_id(begun, f"{number:04x}")}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(likeness, range(count - len(listing.points))))
    catalogue.reindex(catalogue.listing())
    return [_timed(Ours(ground)) for _round in range(_ROUNDS)]


def _timed(ours: Ours) -> float:
    begun = time.monotonic()
    ours.list()
    return time.monotonic() - begun
