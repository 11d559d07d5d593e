"""Of which restore points no more log is kept than makes their backups consistent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from clmdeploy.backups.rules import kept_by
from clmdeploy.config.backup import Rules
from clmdeploy.queries.points import Seen


def without_log(points: Sequence[Seen], rules: Rules, now: datetime, zone: tzinfo) -> frozenset[str]:
    """IDs of those pinned alone, and of those kept for nothing else than to have such a one stand on them."""
    alone = {one.point.id for one in points if one.entry.standing and one.entry.standing.mode == "standalone"}
    bases = {label for one in points if one.point.id in alone for label in one.point.database.references}
    pinned = {one.point.id for one in points if one.entry.standing and one.entry.standing.is_pinned}
    whole = [one.point for one in points if not one.faults]
    ruled = {point.id for point, _ in kept_by(rules, whole, now, zone)}
    below = {one.point.id for one in points if one.point.database.label in bases}
    return frozenset(alone | (below - pinned - ruled))
