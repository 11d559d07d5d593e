"""The ground of the sample, for pytest: a lab of its own, smaller than the other tests' and before another storage."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from clmdeploy.lab import Lab, LabSpec
from clmdeploy.lab.removal import take_down
from tests.faults.ground import Ground, standing


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Two application hosts and a worker; it goes whatever happens."""
    name = f"flt{os.getpid()}"
    try:
        with standing(Lab.up(LabSpec(name=name, apps=2), print), tmp_path_factory.mktemp("ground")) as prepared:
            yield prepared
    finally:
        take_down(name)
