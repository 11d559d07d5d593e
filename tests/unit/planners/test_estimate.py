"""How long it will take follows from what took how long before."""

from __future__ import annotations

import pytest

from clmdeploy.planners.estimate import SMALL, Estimate, Past, estimate

GIB = 1024**3


@pytest.mark.parametrize(
    ("past", "size", "seconds"),
    [
        ([], 3 * GIB, None),
        ([Past(moving=100, other=20, size=GIB)], GIB, 120),
        ([Past(moving=100, other=20, size=GIB)], 3 * GIB, 320),
        ([Past(moving=8, other=20, size=1000)], 9000, 28),
        ([Past(moving=8, other=20)], 0, 28),
        ([Past(moving=8, other=20, size=SMALL), Past(moving=900, other=20, size=SMALL)] * 2, SMALL, 474),
        ([Past(moving=one, other=5, size=GIB) for one in (10, 12, 900)], GIB, 17),
    ],
    ids=["none", "same", "larger", "small", "unknown-size", "even", "one-odd"],
)
def test_the_median_of_earlier_ones_tells(past: list[Past], size: int, seconds: int | None) -> None:
    """Data takes time by its size, but for what is small; the rest takes what it took; one odd run changes little."""
    assert estimate(past, size) == Estimate(seconds=seconds, runs=len(past), size=size)
