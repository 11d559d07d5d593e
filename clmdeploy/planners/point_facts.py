"""What must be known before a restore point is planned."""

from __future__ import annotations

from pydantic import Field

from clmdeploy.model.hosts import Host
from clmdeploy.model.value import Text, Value
from clmdeploy.releases.manifest import Release


class ServerRole(Value):
    """A PostgreSQL server as it says itself."""

    host: Host
    message: Text = Field("", description="why it could not be asked; empty where it answered")
    standby: bool = False
    version: str = ""
    fork: str | None = None
    archive_mode: str = ""
    system_id: str = ""
    size: int = Field(0, description="bytes of all its databases")


class PointFacts(Value):
    """The environment as it stands."""

    servers: tuple[ServerRole, ...]
    release: Release | None = Field(None, description="the one that most hosts run")
    schema_version: int | None = None

    @property
    def primary(self) -> ServerRole:
        """The one that can be written to: `refuse_unready` has made sure that there is one."""
        return next(one for one in self.servers if not one.message and not one.standby)
