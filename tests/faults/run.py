"""Runs cases one after the other; a failed one is recorded, the fleet put in order, and the rest goes on."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from tests.faults.case import Case, Leaves
from tests.faults.ground import Ground
from tests.faults.invariants import bucket_faults, fleet_faults
from tests.faults.state import FleetState

_SETTLING = 10.0  # seconds that a balancer's check may need to see what is so already


@dataclass(frozen=True)
class Row:
    """What became of one case; `fault` is empty when it survived."""

    family: str
    case: str
    seconds: float
    fault: str


def run_cases(ground: Ground, cases: Iterable[Case], tell: Callable[[str], None]) -> Iterator[Row]:
    """A row for each case, as soon as it has ended."""
    for case in cases:
        began = time.monotonic()
        fault = _fault_of(partial(_survive, ground, case))
        row = Row(case.family, case.name, time.monotonic() - began, fault)
        verdict = f"FAILED: {row.fault}" if row.fault else "survived"
        tell(f"{case.family}: {case.name}: {verdict} ({row.seconds:.0f} s)")
        if row.fault and (disorder := _fault_of(ground.put_in_order)):
            tell(f"the fleet could not be put in order: {disorder}")
            row = replace(row, fault=f"{row.fault}\n  the fleet could not be put in order: {disorder}")
        yield row


def _fault_of(act: Callable[[], None]) -> str:
    """What went wrong; empty when nothing did. Ctrl-C is nobody's fault, and goes through."""
    try:
        act()
    except AssertionError as error:
        return str(error) or traceback.format_exc(limit=-2)
    except Exception as error:  # noqa: BLE001  # hours of other cases must not be lost to what nobody foresaw in one
        return f"{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}"
    return ""


def _survive(ground: Ground, case: Case) -> None:
    ground.begin(case.work)
    with ground.users(case.loaded) as seen:
        leaves = case.act(ground) or case.leaves
    ground.proxy.clear()
    faults = _faults(ground, case, leaves)
    faults += [f"users saw: {one.sentence}: {one.reasons}" for one in seen if one.failed or not one.exact]
    verified = ground.node("journal", "verify")
    faults += [f"journal verify: exit code {verified.code}: {verified.said}"] if verified.code else []
    assert not faults, "\n  ".join(faults)


def _faults(ground: Ground, case: Case, leaves: Leaves) -> list[str]:
    """The last look counts: what is true only after a while is true."""
    deadline = time.monotonic() + _SETTLING
    expected = ground.begins[case.work].state if leaves == "before" else ground.ends[case.work]
    while True:
        state = FleetState.of(ground.lab)
        faults = [*fleet_faults(state), *state.differences(expected)]
        if not faults or time.monotonic() > deadline:
            return faults + list(bucket_faults(ground.bucket, ground.inventories))
        time.sleep(0.5)


def table(rows: Sequence[Row]) -> str:
    """For each family how many cases there were, how many survived, and how long they took; then what failed."""
    families = dict.fromkeys(row.family for row in rows)
    lines = [f"{'family':<24} {'cases':>6} {'survived':>9} {'seconds':>8}"]
    for name in [*families, "all"]:
        own = [row for row in rows if name in (row.family, "all")]
        survived = sum(not row.fault for row in own)
        lines.append(f"{name:<24} {len(own):>6} {survived:>9} {sum(row.seconds for row in own):>8.0f}")
    lines += [f"FAILED {row.family}: {row.case}\n  {row.fault}" for row in rows if row.fault]
    return "\n".join(lines)
