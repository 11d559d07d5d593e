"""Judges a bucket by what it was found to do. Pure."""

from __future__ import annotations

from clmdeploy.model.checks import Check, Verdict
from clmdeploy.model.errors import ClmError
from clmdeploy.model.storage import StorageProfile

SKEW_WARN, SKEW_FAIL = 30, 600  # seconds; S3 refuses requests that are 900 s off (RequestTimeTooSkewed)


def storage_checks(bucket: str, profile: StorageProfile, *, leases: bool) -> list[Check]:
    """`leases`: this bucket holds leases and journal, which can't be kept without conditional writes."""
    return [
        _check(bucket, "reachable", "ok", "answers, and takes the keys"),
        _conditional(bucket, profile, leases=leases),
        _clock(bucket, profile.clock_skew_seconds),
    ]


def refused_storage(bucket: str, error: ClmError) -> Check:
    """The one check of a bucket that can't be used."""
    return _check(bucket, "reachable", "fail", error.message, error.hint)


def _conditional(bucket: str, profile: StorageProfile, *, leases: bool) -> Check:
    if profile.conditional_writes:
        return _check(bucket, "conditional writes", "ok", "kept: If-None-Match and If-Match")
    lacking = " and ".join(
        name
        for name, kept in (("If-None-Match", profile.conditional_create), ("If-Match", profile.conditional_match))
        if not kept
    )
    if leases:
        remedy = "put state_bucket on storage that has them: without them two control nodes could act at once"
        return _check(bucket, "conditional writes", "fail", f"not kept: {lacking}", remedy)
    remedy = "publish from one pipeline only: two publishes of one version at the same time are not detected"
    return _check(bucket, "conditional writes", "warn", f"not kept: {lacking}", remedy)


def _clock(bucket: str, skew: float) -> Check:
    if abs(skew) < SKEW_WARN:
        return _check(bucket, "clock", "ok", "agrees with this machine's")
    verdict: Verdict = "fail" if abs(skew) > SKEW_FAIL else "warn"
    finding = f"the storage is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    return _check(bucket, "clock", verdict, finding, "set the clock of this machine: timedatectl")


def _check(bucket: str, name: str, verdict: Verdict, finding: str, remedy: str = "") -> Check:
    return Check(area="storage", subject=bucket, name=name, verdict=verdict, finding=finding, remedy=remedy)
