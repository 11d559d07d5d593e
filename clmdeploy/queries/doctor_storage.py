"""Judges a bucket by what it was found to do. Pure."""

from __future__ import annotations

from typing import Literal

from clmdeploy.changes.ports import MEBIBYTE
from clmdeploy.model.checks import Check, Verdict
from clmdeploy.model.errors import ClmError
from clmdeploy.model.storage import StorageProfile

SKEW_WARN, SKEW_FAIL = 30, 600  # seconds; S3 refuses requests that are 900 s off (RequestTimeTooSkewed)
Purpose = Literal["state", "releases", "backups"]
_WITHOUT_CONDITIONS: dict[Purpose, tuple[Verdict, str]] = {
    "state": ("fail", "put state_bucket on storage that has them: without them two control nodes could act at once"),
    "releases": ("warn", "publish from one pipeline only: two publishes of one version at once are not detected"),
    "backups": ("ok", ""),  # the engines ask for none, and the data lease keeps jobs apart
}
_ENOUGH_PARTS = 10_000  # S3's own limit, which the engines reckon with
_ENGINE_PART = 5 * MEBIBYTE  # pgBackRest's, the smallest of all engines


def storage_checks(bucket: str, profile: StorageProfile, purpose: Purpose) -> list[Check]:
    """What every bucket is asked for."""
    return [
        check(bucket, "reachable", "ok", "answers, and takes the keys" + _left(profile)),
        _conditional(bucket, profile, purpose),
        _clock(bucket, profile.clock_skew_seconds),
        check(bucket, "checksums", "ok", _checksums(profile)),
        _multipart(bucket, profile, purpose),
        check(bucket, "addressing", "ok", f"{' and '.join(profile.addressing) or 'as clm.yml says'} style"),
        check(bucket, "older versions", "ok", _versions(profile)),
    ]


def refused_storage(bucket: str, error: ClmError) -> Check:
    """The one check of a bucket that can't be used."""
    return check(bucket, "reachable", "fail", error.message, error.hint)


def unlooked_storage(bucket: str) -> Check:
    """Not every control node has the keys of backups, nor needs them: a pipeline deploys without."""
    finding, remedy = "not looked at: this control node has no keys for it", "ask from one that makes backups"
    return check(bucket, "reachable", "warn", finding, remedy)


def unkept_profile(bucket: str, error: ClmError) -> Check:
    """What was found can't be stored, so that work goes on as if nothing were known."""
    return check(bucket, "profile", "warn", error.message, error.hint)


def check(bucket: str, name: str, verdict: Verdict, finding: str, remedy: str = "") -> Check:
    """A check of a bucket."""
    return Check(area="storage", subject=bucket, name=name, verdict=verdict, finding=finding, remedy=remedy)


def _left(profile: StorageProfile) -> str:
    if not profile.left:
        return ""
    why = f"locked for {profile.retention.days} d" if profile.retention else "these keys may not remove them"
    return f"; {profile.left} small objects of this probe stay below clmdeploy-probe/, {why}"


def _conditional(bucket: str, profile: StorageProfile, purpose: Purpose) -> Check:
    if profile.conditional_writes:
        return check(bucket, "conditional writes", "ok", "kept: If-None-Match and If-Match")
    lacking = " and ".join(
        name
        for name, kept in (("If-None-Match", profile.conditional_create), ("If-Match", profile.conditional_match))
        if not kept
    )
    verdict, remedy = _WITHOUT_CONDITIONS[purpose]
    return check(bucket, "conditional writes", verdict, f"not kept: {lacking}", remedy)


def _clock(bucket: str, skew: float) -> Check:
    if abs(skew) < SKEW_WARN:
        return check(bucket, "clock", "ok", "agrees with this machine's")
    verdict: Verdict = "fail" if abs(skew) > SKEW_FAIL else "warn"
    finding = f"the storage is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine"
    return check(bucket, "clock", verdict, finding, "set the clock of this machine: timedatectl")


def _checksums(profile: StorageProfile) -> str:
    """No fault whatever is so: what is not understood is not sent, and what is read is checked by its digest."""
    crc = {
        "verified": "CRC-32 verified", "ignored": "CRC-32 taken, not verified", "refused": "CRC-32 refused",
        None: "CRC-32 not tried",
    }[profile.checksums]  # fmt: skip
    md5 = {
        "needed": "Content-MD5 needed, and sent", "verified": "Content-MD5 verified",
        "ignored": "Content-MD5 taken, not verified", None: "Content-MD5 not taken",
    }[profile.content_md5]  # fmt: skip
    trailers = "also behind the body (boto3's default)" if profile.trailers else "not behind the body: none sent there"
    return f"{crc}, {trailers}; {md5}"


def _multipart(bucket: str, profile: StorageProfile, purpose: Purpose) -> Check:
    if profile.smallest_part is None or profile.most_parts is None:
        verdict: Verdict = "ok" if purpose == "state" else "fail"
        remedy = "" if purpose == "state" else "large objects go up in parts: this needs storage that takes them"
        return check(bucket, "multipart uploads", verdict, "do not work", remedy)
    least = f"parts from {profile.smallest_part // 1024} KiB"
    if profile.most_parts >= _ENOUGH_PARTS or purpose == "state":
        return check(bucket, "multipart uploads", "ok", f"{least}, {profile.most_parts} of them")
    largest = profile.most_parts * _ENGINE_PART // MEBIBYTE
    remedy = "raise repo1-storage-upload-chunk-size in pgbackrest.conf where files are larger"
    finding = f"{least}, but only {profile.most_parts} of them: {largest} MiB in parts of 5 MiB"
    return check(bucket, "multipart uploads", "warn", finding, remedy)


def _versions(profile: StorageProfile) -> str:
    if profile.locked and profile.retention:
        return f"kept, and locked for {profile.retention.days} d ({profile.retention.mode})"
    return {
        "on": "kept: what was overwritten or removed can be brought back", "off": "none are kept",
        "suspended": "no new ones are kept: versioning is suspended", None: "these keys may not ask whether they stay",
    }[profile.versioning]  # fmt: skip
