"""Which host keys a new environment pins: from a file, or scanned and confirmed by a person. Never silently."""

from __future__ import annotations

from pathlib import Path

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.questions import Questions
from clmdeploy.config.files import read_text
from clmdeploy.config.known_hosts import PinnedKey, keys_of, lookup_name, parse
from clmdeploy.config.scaffold import NewEnvironment
from clmdeploy.model.errors import HostUnreachable, InvalidInput

_LIMIT = 1024 * 1024


def confirmed_host_keys(
    new: NewEnvironment, file: str | None, fingerprints: tuple[str, ...], invocation: Invocation
) -> tuple[PinnedKey, ...]:
    """The keys to pin. Raises InvalidInput when nobody vouches for them, HostUnreachable when a host shows none."""
    if file:
        keys, wrong = parse(read_text(Path(file), _LIMIT))
        if wrong:
            raise InvalidInput("\n".join(f"{file}:{line}: {cause}" for line, cause in wrong))
        return keys
    keys = _scanned(new, invocation)
    _show(new, keys, invocation)
    trusted = keys if "all" in fingerprints else tuple(key for key in keys if key.fingerprint in fingerprints)
    if fingerprints and all(keys_of(host, trusted) for host in new.hosts):
        return trusted
    if not fingerprints and Questions(invocation).agrees("init.trust"):
        return keys
    raise InvalidInput(invocation.both("init.untrusted"), invocation.both("init.untrusted_hint"))


def _scanned(new: NewEnvironment, invocation: Invocation) -> tuple[PinnedKey, ...]:
    from clmdeploy.tasks.host_keys import scan

    click.echo(invocation.say("init.scanning", count=len(new.hosts)), err=True)
    keys = scan((host.address, host.port) for host in new.hosts)
    silent = [host.name for host in new.hosts if not keys_of(host, keys)]
    if silent:
        cause = invocation.both("init.silent", hosts=", ".join(silent))
        raise HostUnreachable(cause, invocation.both("init.silent_hint"))
    return keys


def _show(new: NewEnvironment, keys: tuple[PinnedKey, ...], invocation: Invocation) -> None:
    for host in new.hosts:
        address = lookup_name(host.address, host.port)
        click.echo(invocation.say("init.shown", host=host.name, address=address), err=True)
        for key in keys_of(host, keys):
            click.echo(f"  {key.fingerprint} ({key.kind})", err=True)
