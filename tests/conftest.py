"""What all tests share: one lab of real hosts for a whole run, and the rule that CI skips nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down

# A machine shared with a lab of real hosts is slow at times: that is no property of the code under test.
settings.register_profile("clmdeploy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clmdeploy")


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of this test run alone, with three application hosts; it goes whatever happens.

    A test that breaks a host mends it.
    """
    spec = LabSpec(name=f"test{os.getpid()}", apps=3)
    try:
        yield Lab.up(spec, progress=print)
    finally:
        take_down(spec.name)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skipped test proves nothing: in CI it fails the run."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter else 0
    if skipped and os.environ.get("CI") == "true" and exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{skipped} tests were skipped: in CI that is a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
