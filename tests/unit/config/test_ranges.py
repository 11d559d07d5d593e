"""Ranges in host names."""

from __future__ import annotations

import pytest

from clmdeploy.config.ranges import expand


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("app1", ["app1"]),
        ("app[1:3]", ["app1", "app2", "app3"]),
        ("app[08:10]", ["app08", "app09", "app10"]),
        ("app[1:02]", ["app1", "app2"]),  # as Ansible does: only the first end decides about zeros
        ("app[:2]", ["app0", "app1", "app2"]),
        ("app[1:5:2].clm", ["app1.clm", "app3.clm", "app5.clm"]),
        ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
    ],
)
def test_ranges_stand_for_names(pattern: str, names: list[str]) -> None:
    """Both ends belong to the range; leading zeros and steps are kept; several ranges multiply."""
    assert expand(pattern) == names


@pytest.mark.parametrize(
    "pattern", ["app[1]", "app[3:1]", "app[01:2]", "app[a:3]", "app[1:3:0]", "app[1:2", "app[1:99999999999]"]
)
def test_senseless_ranges_are_refused(pattern: str) -> None:
    """A range that is empty, endless or half a range is refused instead of becoming part of a name."""
    with pytest.raises(ValueError, match=r"range|step|digits|stands for"):
        expand(pattern)


def test_products_of_ranges_are_bounded() -> None:
    """Two ranges of a hundred are already ten thousand hosts: refused before they are all made."""
    with pytest.raises(ValueError, match="more than 1000 hosts"):
        expand("r[1:900]-[1:900]-[1:900]-[1:900]")
