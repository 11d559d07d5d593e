"""One lab for all tests on real hosts; a test that breaks a host mends it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of this test run alone, with three application hosts; it goes whatever happens."""
    spec = LabSpec(name=f"test{os.getpid()}", apps=3)
    try:
        yield Lab.up(spec, progress=print)
    finally:
        take_down(spec.name)
