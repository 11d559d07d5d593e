"""Judges one host by what its SSH user sees there. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.changes.guarded import Outcome
from clmdeploy.model.checks import Check, HostLook, Verdict

OLDEST_PYTHON = (3, 9, 0)
SKEW_WARN, SKEW_FAIL = 2, 60  # seconds
BYTES_WARN, BYTES_FAIL = 1024**3, 128 * 1024**2
INODES_WARN, INODES_FAIL = 20_000, 2_000
_NO_ROOT = (
    "the SSH user may not become root without a password",
    "give it (ansible_user) sudo without a password, at least until `clmdeploy host setup` has run",
)


@dataclass(frozen=True)
class Standard:
    """What a host is measured by."""

    guard: str
    """SHA-256 of the guard that belongs to this program"""
    setup: str
    """the command that sets hosts up, but for --limit"""
    gets_releases: bool = True


def host_checks(host: str, look: HostLook, standard: Standard) -> list[Check]:
    """All that can be told of one host; a single check when it can't be asked at all."""
    if not look.reachable:
        return [_check(host, "SSH", "fail", look.cause, look.remedy)]
    return [
        _check(host, "SSH", "ok", "answers, and shows the pinned host key"),
        _system(host, look),
        _privileges(host, look),
        _guard_version(host, look, standard),
        _room(host, _places(look, standard)),
        _clock(host, look.skew),
    ]


def obstacle(host: str, look: HostLook) -> Check | None:
    """What keeps a host from being set up at all; None when nothing does."""
    if not look.reachable:
        return _check(host, "SSH", "fail", look.cause, look.remedy)
    system = _system(host, look)
    if system.verdict == "fail":
        return system
    return None if look.may_become_root else _check(host, "privileges", "fail", *_NO_ROOT)


def guard_check(host: str, outcome: Outcome, standard: Standard) -> Check:
    """Whether the guard itself answered."""
    if outcome.is_done:
        return _check(host, "guard answers", "ok", "runs as root, and knows this host and environment")
    return _check(host, "guard answers", "fail", outcome.message, _setup(host, standard))


def _system(host: str, look: HostLook) -> Check:
    version = ".".join(map(str, look.python))
    if look.python < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON[:2]))
        return _check(host, "system", "fail", f"Python {version} is too old", f"install Python {needed} or later there")
    if not look.systemd:
        return _check(
            host, "system", "fail", "systemd does not run there", "acts run as its units: boot it with systemd"
        )
    return _check(host, "system", "ok", f"{look.os}, Python {version}, systemd")


def _privileges(host: str, look: HostLook) -> Check:
    if look.may_become_root or look.may_run_guard:
        return _check(
            host, "privileges", "ok", "may act as root" if look.may_become_root else "may run the guard as root"
        )
    return _check(host, "privileges", "fail", *_NO_ROOT)


def _guard_version(host: str, look: HostLook, standard: Standard) -> Check:
    if look.guard is None:
        return _check(host, "guard", "fail", "this host is not set up", _setup(host, standard))
    if look.guard != standard.guard:
        finding = "the guard there is of another version of clmdeploy, or was edited"
        return _check(host, "guard", "fail", finding, _setup(host, standard))
    return _check(host, "guard", "ok", "is that of this version")


def _setup(host: str, standard: Standard) -> str:
    return f"run `{standard.setup} --limit {host}`"


def _places(look: HostLook, standard: Standard) -> dict[str, tuple[int, int | None]]:
    """Where something will be written: hosts without releases keep the guard's records only."""
    records = {place: space for place, space in look.places.items() if place.startswith("/var/lib/")}
    return look.places if standard.gets_releases else records


def _room(host: str, places: dict[str, tuple[int, int | None]]) -> Check:
    verdicts: list[tuple[Verdict, str]] = [("ok", "")]
    for place, (free, inodes) in sorted(places.items()):
        verdicts.append((_grade(free, BYTES_WARN, BYTES_FAIL), f"{place}: {free // 1024**2} MiB free"))
        if inodes is not None:
            verdicts.append((_grade(inodes, INODES_WARN, INODES_FAIL), f"{place}: {inodes} inodes free"))
    for verdict in ("fail", "warn"):
        short = [finding for graded, finding in verdicts if graded == verdict]
        if short:
            remedy = "make room there, or lower install.keep_releases"
            return Check(
                area="host", subject=host, name="disk", verdict=verdict, finding="; ".join(short), remedy=remedy
            )
    return _check(host, "disk", "ok", "; ".join(finding for _, finding in verdicts if finding.endswith("MiB free")))


def _grade(free: int, warn: int, fail: int) -> Verdict:
    return "fail" if free < fail else "warn" if free < warn else "ok"


def _clock(host: str, skew: float) -> Check:
    if abs(skew) < SKEW_WARN:
        return _check(host, "clock", "ok", "agrees with this machine's")
    verdict: Verdict = "fail" if abs(skew) > SKEW_FAIL else "warn"
    finding = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    return _check(host, "clock", verdict, finding, "let systemd-timesyncd or chrony keep both clocks")


def _check(host: str, name: str, verdict: Verdict, finding: str, remedy: str = "") -> Check:
    return Check(area="host", subject=host, name=name, verdict=verdict, finding=finding, remedy=remedy)
