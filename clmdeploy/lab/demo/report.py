"""What the demonstration did and measured, as values; `--json` prints them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from clmdeploy.lab.load_report import LoadReport
from clmdeploy.lab.writes import WriteCheck

FORMAT = "demo-report/1"


@dataclass(frozen=True)
class Measurement:
    """One stretch of load. `failed` counts requests; `exact` tells whether every acknowledged write is there once."""

    during: str
    rate: float
    sent: int
    failed: int
    reasons: dict[str, int]
    writes: int
    exact: bool
    p50_ms: float
    p99_ms: float
    max_ms: float
    behind_ms: float
    versions: tuple[str, ...]
    """Releases that answered."""

    @classmethod
    def of(cls, during: str, load: LoadReport, writes: WriteCheck) -> Measurement:
        latency = load.latency_ms
        return cls(
            during=during, rate=load.rate, sent=load.sent, failed=load.failed, reasons=load.reasons,
            writes=writes.acknowledged, exact=writes.exact, p50_ms=latency.p50, p99_ms=latency.p99,
            max_ms=latency.max, behind_ms=load.behind_ms,
            versions=tuple(sorted({count.version for count in load.versions} - {"?"})),
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """For people, on one line."""
        writes = "each found exactly once" if self.exact else "NOT each found exactly once"
        return f"{self.failed} of {self.sent} requests failed; {self.writes} acknowledged writes, {writes}"


@dataclass
class Chapter:
    """One part of the demonstration. `seconds` of wall clock; `outcome` is filled in when it has ended well."""

    title: str
    seconds: float = 0.0
    outcome: str = ""


@dataclass
class DemoReport:
    """Grows while the demonstration goes on."""

    lab: str
    inventories: str = ""
    chapters: list[Chapter] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    releases: dict[str, str] = field(default_factory=dict)
    """What each host runs at the end."""
    kept: bool = True

    def described(self) -> dict[str, Any]:  # Any: JSON
        """One JSON object."""
        seconds = round(sum(chapter.seconds for chapter in self.chapters), 1)
        return {"format": FORMAT, **asdict(self), "seconds": seconds}
