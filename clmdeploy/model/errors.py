"""The error tree and the exit codes. Standard library only: the face imports this before anything heavy."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What a pipeline may rely on; documented in docs/exit-codes.md, which a test compares with this."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    INVALID = 3
    FAILED_UNCHANGED = 4
    FAILED_PARTLY = 5
    LEASE_HELD = 6
    FROZEN = 7
    APPROVAL_MISSING = 8
    UNKNOWN = 9
    VERIFICATION_FAILED = 10
    PAUSED = 11


class ClmError(Exception):
    """A failure that an administrator can act on.

    `message` says what is wrong and where (file, key, host); `hint` says what to type or change next.
    """

    exit_code: ExitCode = ExitCode.UNEXPECTED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ClmError):
    """The command line asks for something that has no meaning, or lacks a flag."""

    exit_code = ExitCode.USAGE


class InvalidInput(ClmError):
    """A configuration, bundle, signature or plan that must not be used. Nothing was changed."""

    exit_code = ExitCode.INVALID

    @classmethod
    def of_faults(cls, source: str, faults: Sequence[str], hint: str = "") -> InvalidInput:
        """All faults of one file at once, each line `SOURCE: KEY.PATH: cause`."""
        return cls("\n".join(f"{source}: {fault}" for fault in faults), hint)


class NothingChanged(ClmError):
    """Work failed before anything was changed, or all that was changed has been taken back."""

    exit_code = ExitCode.FAILED_UNCHANGED


class PointOfNoReturn(NothingChanged):
    """A change that can't be taken back any more, only finished."""


class PartlyChanged(ClmError):
    """Work failed and some hosts differ from what they were before."""

    exit_code = ExitCode.FAILED_PARTLY


class LeaseHeld(ClmError):
    """Somebody else acts in this environment now."""

    exit_code = ExitCode.LEASE_HELD


class HeldByHand(LeaseHeld):
    """A person keeps others out, for as long as they want: waiting is no remedy."""


class ApprovalMissing(ClmError):
    """A change needs approvals by others that it does not have (any more). Nothing was changed."""

    exit_code = ExitCode.APPROVAL_MISSING


class OutcomeUnknown(ClmError):
    """A change stands open: its outcome must be settled by resume or abort first."""

    exit_code = ExitCode.UNKNOWN


class VerificationFailed(ClmError):
    """Stored data is not what its digest, chain or signature says."""

    exit_code = ExitCode.VERIFICATION_FAILED


class Paused(ClmError):
    """A change stopped at a safe point and waits; nothing is drained, the lease is free."""

    exit_code = ExitCode.PAUSED


class HostUnreachable(ClmError):
    """A host did not answer over SSH within the time limit, or showed another host key."""

    exit_code = ExitCode.FAILED_UNCHANGED


class StoreUnavailable(ClmError):
    """The S3 storage did not answer, or refused the keys. Nothing was changed."""

    exit_code = ExitCode.FAILED_UNCHANGED


class StoreRefused(StoreUnavailable):
    """The storage answers, but not to these keys, or not by this machine's clock: no outage, a fault of ours."""


class NoBucket(InvalidInput):
    """The storage answers, but has no such bucket: it was removed, or clm.yml has its name wrong."""


class Conflict(ClmError):
    """A conditional write lost: the object exists, or is not the one that was read."""

    exit_code = ExitCode.LEASE_HELD
