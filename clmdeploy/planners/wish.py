"""What the administrator asked for and what is known, in one value for the planners."""

from __future__ import annotations

from pydantic import Field, InstanceOf

from clmdeploy.config.settings import Environment
from clmdeploy.model.facts import FleetFacts, HostFacts
from clmdeploy.model.value import Value
from clmdeploy.planners.backup import PointWish
from clmdeploy.releases.manifest import Release


class Target(Value):
    """A published release and where its objects lie."""

    release: Release
    bundle_key: str
    release_key: str
    release_sha256: str
    release_size: int
    release_signature: str = ""


class Wish(Value):
    """The inputs of a rollout, forwards or back."""

    settings: Environment
    fleet: FleetFacts
    target: Target
    inputs: dict[str, str] = Field(description="digests of settings, hosts, playbooks and acts")
    authority: str | None = Field(None, description="PEM of the storage's certificate authority, for the hosts")
    limit: tuple[str, ...] = Field((), description="only these hosts; empty: all")
    canary: int | None = None
    at_once: int | str | None = Field(None, description="hosts of one batch, or a share; None: as the settings say")
    reasons: dict[str, str] = {}
    token: int | None = Field(None, description="newest token of the fleet lease; None: nobody can tell")
    point: InstanceOf[PointWish] | None = Field(
        None, description="what a restore point is made of; None: nobody asked for one, or clm.yml describes no backups"
    )
    way_back: str | None = Field(None, description="restore point from before what can't be reverted, where one is")
    offline: bool = Field(False, description="without the storage: nothing can be staged, no journal tells of cut-offs")

    @property
    def hotfix(self) -> bool:
        return "hotfix" in self.reasons

    @property
    def release(self) -> Release:
        return self.target.release

    def members(self) -> tuple[HostFacts, ...]:
        """Hosts that get the release, in the order of its components and the inventory."""
        groups = [component.group for component in self.release.manifest.components]
        ordered = [facts for group in groups for facts in self.fleet.hosts if group in facts.host.groups]
        unique = {facts.host.name: facts for facts in ordered}
        return tuple(facts for name, facts in unique.items() if not self.limit or name in self.limit)

    def first_group(self, facts: HostFacts) -> str:
        """The group by whose component a host takes part."""
        return next(one.group for one in self.release.manifest.components if one.group in facts.host.groups)
