"""What a storage was found to be able to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StorageProfile:
    """Of one bucket. `clock_skew_seconds` is the storage's clock minus ours, to about a second."""

    conditional_create: bool
    conditional_match: bool
    clock_skew_seconds: float

    @property
    def conditional_writes(self) -> bool:
        """Whether leases and journal may live here."""
        return self.conditional_create and self.conditional_match
