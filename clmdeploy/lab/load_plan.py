"""What a load does: bounded in rate, time and count, and aimed at this machine or the lab only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from clmdeploy.model.errors import UsageError


def _about(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass(frozen=True)
class LoadPlan:
    """Requests per second and seconds; `requests` bounds their number. Raises UsageError for a plan out of bounds."""

    url: str = field(metadata=_about("base address, like http://10.77.0.2: loopback or private only"))
    rate: float = field(default=50.0, metadata=_about("requests a second, constant"))
    seconds: float = field(default=60.0, metadata=_about("how long requests are sent"))
    requests: int = field(default=100_000, metadata=_about("at most so many requests"))
    write_share: float = field(default=0.2, metadata=_about("part of the requests that are POST /responses, 0 to 1"))
    timeout: float = field(default=5.0, metadata=_about("seconds after which an answer counts as failed"))
    subscribers: int = field(default=100_000, metadata=_about("the service knows subscribers 1 to this"))
    campaigns: int = field(default=24, metadata=_about("the service knows campaigns 1 to this"))
    seed: int = field(default=1, metadata=_about("chooses what is asked, and in which order"))

    def __post_init__(self) -> None:
        _check_address(self.url)
        bounds = {
            "rate": (0.1, 2000),
            "seconds": (0.1, 3600),
            "requests": (1, 1_000_000),
            "write_share": (0, 1),
            "timeout": (0.05, 60),
            "subscribers": (1, 10_000_000),
            "campaigns": (1, 1_000_000),
        }
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"load: {name} is {getattr(self, name)}", f"give a number from {least} to {most}")

    @property
    def count(self) -> int:
        """How many requests the whole plan sends."""
        return min(self.requests, max(1, round(self.rate * self.seconds)))


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    hint = "give the lab's balancer, like http://10.77.0.2"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"load: {url!r} is not an http address", hint)
    if parts.hostname == "localhost":
        return
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError as error:
        raise UsageError(f"load: {parts.hostname!r} is not an IP address", hint) from error
    if not (address.is_loopback or address.is_private):
        raise UsageError(f"load: {address} is neither this machine nor a private address", hint)
