"""Whose log verification may miss: a base that is kept for a point that is pinned alone is not damaged without it."""

from __future__ import annotations

from datetime import UTC, timedelta

from clmdeploy.backups.listing import Entry
from clmdeploy.backups.standing import Author, Standing
from clmdeploy.config.backup import Rules
from clmdeploy.queries.log_kept import without_log
from clmdeploy.queries.points import Seen
from tests.unit.backups.conftest import BEGIN, Made, make_point

FULL = make_point(Made(BEGIN, segment=2))
INCR = make_point(Made(BEGIN + timedelta(days=1), "incr", (FULL,), segment=12))
LATER = make_point(Made(BEGIN + timedelta(days=2), segment=22))
PIN = Standing.of(INCR, "pinned", Author(by="a", reason="audit", at=BEGIN, nonce="n"), "standalone")
SEEN = tuple(
    Seen(Entry(principal="admin", point=one, standing=PIN if one is INCR else None)) for one in (LATER, INCR, FULL)
)


def kept(last: int) -> frozenset[str]:
    rules = Rules(last=last, daily=0, weekly=0, monthly=0)
    return without_log(SEEN, rules, BEGIN + timedelta(days=3), UTC)


def test_a_base_that_no_rule_keeps_goes_without_its_log() -> None:
    """Only the newest is kept by a rule; the full one stays for what stands on it."""
    assert kept(1) == {INCR.id, FULL.id}


def test_a_base_that_a_rule_keeps_has_all_of_its_log() -> None:
    """Then a gap behind it is a damage."""
    assert kept(3) == {INCR.id}
