"""What the demonstration accepts, and what it calls a broken promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clmdeploy.lab.demo.failure import PromiseBroken
from clmdeploy.lab.demo.report import Measurement
from clmdeploy.lab.demo.traffic import demand_harm, demand_unharmed
from clmdeploy.model.errors import ExitCode

GOOD = Measurement(
    during="x", rate=150.0, sent=5000, failed=0, reasons={}, writes=1000, exact=True,
    p50_ms=5.0, p99_ms=20.0, max_ms=50.0, behind_ms=1.0, versions=("1.0.0",),
)  # fmt: skip


def test_nothing_failed_and_nothing_lost_is_unharmed() -> None:
    """The least number of requests is enough."""
    demand_unharmed(GOOD, 5000)


@pytest.mark.parametrize(
    "change", [{"failed": 1, "reasons": {"HTTP 503 from no application host": 1}}, {"exact": False}, {"sent": 4999}]
)
def test_one_lost_request_or_write_breaks_the_promise(change: dict[str, object]) -> None:
    """So does a load that was too small to tell. The exit code is that of a failed verification."""
    with pytest.raises(PromiseBroken) as broken:
        demand_unharmed(replace(GOOD, **change), 5000)  # type: ignore[arg-type]
    assert broken.value.exit_code == ExitCode.VERIFICATION_FAILED


def test_a_control_run_without_a_failure_proves_nothing() -> None:
    """Then the measurement itself is in doubt."""
    demand_harm(replace(GOOD, failed=1))
    with pytest.raises(PromiseBroken, match="proves nothing"):
        demand_harm(GOOD)
