"""What a load saw: counted while it runs, read afterwards."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clmdeploy.lab.load_plan import LoadPlan

MOST_FAILURES = 200  # described one by one; all are counted


@dataclass(frozen=True)
class Failure:
    """One request that failed; `at` is seconds after the start at which it was due."""

    at: float
    request: str
    reason: str


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the moment a request was due to the end of its answer; successful requests only."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Nearest-rank percentiles; all 0 without a sample."""
        ordered = sorted(seconds) or [0.0]
        ranks = (math.ceil(share * len(ordered)) - 1 for share in (0.5, 0.95, 0.99, 1.0))
        return cls(*(round(ordered[rank] * 1000, 1) for rank in ranks))


@dataclass(frozen=True)
class VersionCount:
    """How many answers came from `version` within one second of the run ("?": the answer named none)."""

    second: int
    version: str
    answers: int


@dataclass(frozen=True)
class LoadReport:
    """The outcome. `sent` = `succeeded` + `failed` once the run has ended.

    `acknowledged` are the ids of responses answered with 201. `behind_ms` is the most that the load itself was late
    in sending: where it is large, this machine was too busy and latencies are partly the load's own.
    """

    url: str
    rate: float
    seconds: float
    planned: int
    sent: int
    succeeded: int
    failed: int
    reasons: dict[str, int]
    failures: tuple[Failure, ...]
    latency_ms: Latency
    behind_ms: float
    acknowledged: tuple[str, ...]
    versions: tuple[VersionCount, ...]

    def to_json(self) -> str:
        """One line of JSON, read back by `from_json`."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> LoadReport:
        """Raises ValueError, KeyError or TypeError where `text` is no report."""
        data: dict[str, Any] = json.loads(text)  # Any: JSON
        data["failures"] = tuple(Failure(**failure) for failure in data["failures"])
        data["latency_ms"] = Latency(**data["latency_ms"])
        data["acknowledged"] = tuple(data["acknowledged"])
        data["versions"] = tuple(VersionCount(**count) for count in data["versions"])
        return cls(**data)


class Tally:
    """Counts. Moments are of `time.monotonic`, which is asyncio's clock too."""

    def __init__(self) -> None:
        self._start = self._end = 0.0
        self._behind = 0.0
        self._sent = 0
        self._failed = 0
        self._latencies: list[float] = []
        self._reasons: Counter[str] = Counter()
        self._failures: list[Failure] = []
        self._acknowledged: list[str] = []
        self._versions: Counter[tuple[int, str]] = Counter()

    def start(self) -> float:
        """The moment at which the first request is due."""
        self._start = time.monotonic()
        return self._start

    def stop(self) -> None:
        """No more requests are sent."""
        self._end = time.monotonic()

    def sending(self, due: float) -> None:
        self._sent += 1
        self._behind = max(self._behind, time.monotonic() - due)

    def succeeded(self, due: float, acknowledged: str | None) -> None:
        self._latencies.append(time.monotonic() - due)
        if acknowledged:
            self._acknowledged.append(acknowledged)

    def failed(self, due: float, method: str, path: str, reason: str) -> None:
        self._failed += 1
        self._reasons[reason] += 1
        if len(self._failures) < MOST_FAILURES:
            self._failures.append(Failure(round(due - self._start, 3), f"{method} {path}", reason))

    def seen(self, version: str) -> None:
        self._versions[int(time.monotonic() - self._start), version] += 1

    def report(self, plan: LoadPlan) -> LoadReport:
        """The counts as they are now."""
        return LoadReport(
            url=plan.url,
            rate=plan.rate,
            seconds=round((self._end or time.monotonic()) - self._start, 3) if self._start else 0.0,
            planned=plan.count,
            sent=self._sent,
            succeeded=len(self._latencies),
            failed=self._failed,
            reasons=dict(self._reasons.most_common(50)),
            failures=tuple(self._failures),
            latency_ms=Latency.of(self._latencies),
            behind_ms=round(self._behind * 1000, 1),
            acknowledged=tuple(self._acknowledged),
            versions=tuple(VersionCount(*key, count) for key, count in sorted(self._versions.items())),
        )
