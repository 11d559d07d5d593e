"""Which certificates a host has, for which names, and when they are due. Pure.

The backup host is the authority of all of them. A private key never leaves its host.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from clmdeploy.backups import layout
from clmdeploy.backups.arrangement import File
from clmdeploy.config.backup_hosts import Parties
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import Value

RENEW_DAYS = 60
SERVERS = ("archive", "gateway")
"""identities that only answer: database hosts take no word of theirs for the backup host's"""


class Identity(Value):
    """One key with its certificate, all in `directory`; the key belongs to `owner`."""

    name: str
    directory: str
    owner: str
    group: str


@dataclass(frozen=True)
class Certified:
    """Where new certificates come from: the results of that step on that host."""

    step: str
    host: str


def identities(parties: Parties, host: Host, *, archives: bool = True) -> tuple[Identity, ...]:
    """Those of one host: every user of its own has one of its own."""
    found = []
    if host == parties.backup:
        found.append(_identity("jobs", layout.BACKUP, layout.JOB_USER))
        found += [_identity("archive", layout.ARCHIVE, layout.ARCHIVE_USER)] if archives else []
        found.append(_identity("gateway", layout.GATEWAY, layout.GATEWAY_USER))
    if host in parties.database and archives:
        found.append(_identity("database", layout.PGBACKREST, "postgres"))
    if host in parties.files:
        found.append(_identity("files", layout.BACKUP, "root"))
    return tuple(found)


def names(host: Host) -> tuple[str, ...]:
    """What a host's certificates are good for, sorted: inventory name and address, as openssl writes them."""
    found = {f"DNS:{host.name}"}
    try:
        found.add(f"IP:{_as_openssl(host.address)}")
    except ValueError:
        found.add(f"DNS:{host.address}")
    return tuple(sorted(found))


def is_due(found: dict[str, object], host: Host, authority: object, now: float) -> bool:
    """Whether an identity needs a new certificate. `found`: as the act `identity` tells; `now`: seconds since 1970."""
    expires = found["expires"]
    if not isinstance(expires, float | int) or authority is None or found["authority"] != authority:
        return True
    return found["names"] != list(names(host)) or expires - now < RENEW_DAYS * 86400


def certificate_files(parties: Parties, host: Host, certified: Certified, *, archives: bool = True) -> tuple[File, ...]:
    """Certificate and authority of every identity, from the results of the step that signed them."""
    files = []
    for one in identities(parties, host, archives=archives):
        signed = [certified.step, certified.host, "certificates", host.name, one.name]
        for name, keys in (("ca", [certified.step, certified.host, "ca"]), ("cert", signed)):
            files.append(File(path=f"{one.directory}/{name}.pem", parts=({"result": keys},)))
    return tuple(files)


def _identity(name: str, directory: str, user: str) -> Identity:
    return Identity(name=name, directory=f"{directory}/tls", owner=user, group=user)


def _as_openssl(address: str) -> str:
    """IPv6 is told in capitals and without its short form."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return str(parsed)
    return ":".join(f"{int(part, 16):X}" for part in parsed.exploded.split(":"))
