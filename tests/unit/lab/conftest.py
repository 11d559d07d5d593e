"""A lab as its files describe it, without any host."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from clmdeploy.lab.authority import Authority
from clmdeploy.lab.credentials import Credentials
from clmdeploy.lab.facts import LabFacts
from clmdeploy.lab.record import LabRecord
from clmdeploy.lab.spec import LabSpec

UUID = "5f0c5a52-7d0f-4a3c-9a51-0d1d1f6f2b11"


@pytest.fixture
def facts_of(tmp_path: Path) -> Callable[[LabSpec], LabFacts]:
    """Makes the facts of a lab in subnet 7, with true keys and countable passwords."""

    def make(spec: LabSpec) -> LabFacts:
        record = LabRecord(spec, 7, UUID, "/images/1", {})
        authority = Authority(tmp_path / "keys")
        authority.create(record)
        numbers = count(1)
        return LabFacts(record, authority, Credentials.generate(lambda: f"made-up-{next(numbers)}"))

    return make
