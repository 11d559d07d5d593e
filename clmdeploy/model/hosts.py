"""A host as the inventory declares it."""

from __future__ import annotations

from pydantic import Field

from clmdeploy.model.value import Value


class Host(Value):
    """Connection facts of one inventory host; the key that it must show is pinned in known_hosts.

    The patterns keep a leading hyphen out of address and user: ssh would take it for an option.
    """

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$")
    address: str = Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9_.:%-]{0,252}$")
    port: int = Field(22, ge=1, le=65535)
    user: str = Field("root", pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")
    identity_file: str | None = None
    groups: tuple[str, ...] = ()
