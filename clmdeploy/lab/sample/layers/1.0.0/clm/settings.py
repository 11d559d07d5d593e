"""Settings from the environment (CLM_*), as the units' EnvironmentFile gives them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RELEASE_DIRECTORY = Path(__file__).resolve().parent.parent


class SettingsError(Exception):
    """A variable is missing or has no meaning; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What an operator may set. Ports are TCP; the pool size is connections per process."""

    database_url: str = field(repr=False)
    listen: str = "0.0.0.0"  # noqa: S104 the load balancer stands on another host
    web_port: int = 8080
    worker_port: int = 8090
    pool_size: int = 8
    search_path: str = "public"
    content: Path = RELEASE_DIRECTORY / "content"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read CLM_* variables; raises SettingsError where one is missing or wrong."""
        return cls(
            database_url=database_url(environment),
            listen=environment.get("CLM_LISTEN", cls.listen),
            web_port=_number(environment, "CLM_WEB_PORT", cls.web_port),
            worker_port=_number(environment, "CLM_WORKER_PORT", cls.worker_port),
            pool_size=_number(environment, "CLM_POOL_SIZE", cls.pool_size),
            search_path=environment.get("CLM_SEARCH_PATH", cls.search_path),
            content=Path(environment.get("CLM_CONTENT", str(cls.content))),
        )


def database_url(environment: Mapping[str, str] = os.environ) -> str:
    """The libpq connection string of CLM_DATABASE_URL; raises SettingsError without it."""
    url = environment.get("CLM_DATABASE_URL", "")
    if not url:
        raise SettingsError("CLM_DATABASE_URL is not set: put it into /opt/clm/shared/clm.env")
    return url


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise SettingsError(f"{name}={text!r} must be a number from 1 to 65535")
    return int(text)
