"""Asks hosts for the keys they show, with ssh-keyscan. What it brings is a claim until a person confirms it."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterable

from clmdeploy.config.known_hosts import PinnedKey, parse
from clmdeploy.model.errors import InvalidInput

_TYPES = "ed25519,ecdsa,rsa"


def scan(targets: Iterable[tuple[str, int]], *, wait: int = 5) -> tuple[PinnedKey, ...]:
    """The keys that the given (address, port) pairs show; one that doesn't answer within `wait` seconds gives none.

    Raises InvalidInput when ssh-keyscan itself can't run.
    """
    ports: dict[int, list[str]] = defaultdict(list)
    for address, port in targets:
        ports[port].append(address)
    return tuple(key for port, addresses in ports.items() for key in _scan_port(addresses, port, wait))


def _scan_port(addresses: list[str], port: int, wait: int) -> tuple[PinnedKey, ...]:
    command = ["ssh-keyscan", "-T", str(wait), "-p", str(port), "-t", _TYPES, *addresses]
    limit = wait * (len(addresses) + 2)  # ssh-keyscan asks them side by side; this is for names that don't resolve
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit, check=False
        )
    except FileNotFoundError as error:
        raise InvalidInput("ssh-keyscan is not installed here", "apt install openssh-client") from error
    except subprocess.TimeoutExpired as error:
        hint = "check the addresses, or give --host-keys FILE"
        raise InvalidInput(f"ssh-keyscan did not end within {limit} s", hint) from error
    keys, _unusable = parse(answer.stdout)
    return keys
