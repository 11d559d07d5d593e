"""An act on the storage by the control node itself, as a step of a change: its name is the `act` of a StoreCall."""

from __future__ import annotations

from typing import Protocol

from clmdeploy.backups.work import Arguments, Found


class StoreAct(Protocol):
    """Acts can be repeated: after a lost answer, or by another control node. All raise ClmError; StoreUnavailable means
    that nobody knows whether it happened.
    """

    def perform(self, arguments: Arguments) -> Found:
        """Act; what comes back is journalled: small, and no secret."""

    def restore(self, arguments: Arguments) -> Found:
        """Put back what stood before."""

    def probe(self, arguments: Arguments) -> Found:
        """`state`: done, not-done or partial; of what is done also all that `perform` tells."""
