"""The restore points of one environment: their catalogue, and what verification said of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from clmdeploy.model.signing import LateSigner, Signer, Verifier
from clmdeploy.runtime.reach import Reach

if TYPE_CHECKING:
    from clmdeploy.adapters.keeper import Keeper
    from clmdeploy.backups.catalogue import Catalogue
    from clmdeploy.backups.marks import MarkBook


@dataclass(frozen=True)
class PointReach(Reach):
    """What keeps restore points, in the state bucket. The signing key is looked for when something is signed."""

    @cached_property
    def points(self) -> Catalogue:
        """Which restore points there are."""
        from clmdeploy.backups.catalogue import Catalogue

        return Catalogue(self.state, *self._identity)

    @cached_property
    def marks(self) -> MarkBook:
        """What verification last said of them."""
        from clmdeploy.backups.marks import MarkBook

        return MarkBook(self.state, *self._identity)

    @cached_property
    def keeper(self) -> Keeper:
        """Acts on the storage, as steps of a change."""
        from clmdeploy.adapters.keeper import Keeper
        from clmdeploy.backups.publishing import PublishPoint
        from clmdeploy.backups.removal import BeginRemoval, FinishRemoval, Reindex

        principal = self.environment.settings.trust.principal or "unsigned"
        return Keeper(
            {
                "publish-point": PublishPoint(self.points, principal, self.clock),
                "begin-removal": BeginRemoval(self.points, principal, self.clock),
                "finish-removal": FinishRemoval(self.points, principal, self.clock),
                "reindex": Reindex(self.points, self.marks),
            }
        )

    @property
    def _identity(self) -> tuple[str, str, Signer, Verifier]:
        signer = LateSigner(lambda: self.signer)
        return self.environment.name, self.environment.settings.uuid, signer, self.verifier
