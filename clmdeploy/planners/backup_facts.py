"""What `backup setup` must know of the hosts before it plans."""

from __future__ import annotations

from pydantic import Field

from clmdeploy.model.value import JsonValue, Value


class HostFound(Value):
    """One host, compared with how it is to be."""

    accounts: tuple[str, ...] = Field((), description="what of packages, accounts and directories would be changed")
    configuration: tuple[str, ...] = Field((), description="what of files and units would be changed")
    packages: dict[str, dict[str, str]] = Field({}, description="name → installed and candidate version")
    identities: dict[str, dict[str, JsonValue]] = Field({}, description="as the act `identity` tells")


class ServerFound(Value):
    """A PostgreSQL server, as it says itself."""

    version: int
    told: str
    standby: bool
    settings: dict[str, dict[str, JsonValue]]

    def value(self, name: str) -> str:
        """Of a setting; empty where this version has none of that name."""
        return str(self.settings.get(name, {}).get("value", ""))


class SetupFacts(Value):
    """All hosts of backups as they are."""

    hosts: dict[str, HostFound]
    servers: dict[str, ServerFound] = {}
    authority: str | None = Field(None, description="digest of the certificate authority's own certificate")
    rclone: str = Field("", description="where it lies on the backup host; empty: nowhere")
    rclone_version: str = ""
    missing: dict[str, tuple[str, ...]] = Field(
        {}, description="work of engines → hosts that it was not done for; of a set-up that stands otherwise"
    )
