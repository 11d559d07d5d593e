"""What `backup verify --json` prints is what docs/json.md promises."""

from __future__ import annotations

from datetime import UTC, datetime

from clmdeploy.cli.render.verification import report_json
from clmdeploy.queries.verification_report import Report
from tests.unit.cli.test_documented import documented


def test_a_verification_has_the_documented_keys() -> None:
    """Also of one that found nothing wrong."""
    report = Report(begun=datetime(2026, 2, 1, tzinfo=UTC), seconds=2.04, objects=3, bytes=6, known=0)
    told = report_json("lab", report)
    assert (told.keys(), told["format"]) == (documented("backup-verification/1"), "backup-verification/1")
    assert (told["sound"], told["rate"], told["seconds"]) == (True, 3, 2.0)
