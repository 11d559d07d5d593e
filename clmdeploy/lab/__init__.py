"""A lab of real hosts on one machine, and the sample CLM that is deployed to it.

lab = Lab.up(LabSpec(name="t1", apps=3))
lab.host("app1").run(["hostname"])
lab.down()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clmdeploy.lab.lab import Lab
    from clmdeploy.lab.spec import LabSpec

__all__ = ["Lab", "LabSpec"]


def __getattr__(name: str) -> object:
    """The two names on first use (PEP 562): the sample's modules below this package need none of what they import."""
    if name == "Lab":
        from clmdeploy.lab.lab import Lab

        return Lab
    if name == "LabSpec":
        from clmdeploy.lab.spec import LabSpec

        return LabSpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
