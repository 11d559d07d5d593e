"""The gateway to the file repositories: `rclone serve restic`, append-only, one private repository for each host."""

from __future__ import annotations

import re

from pydantic import Field

from clmdeploy.backups.command import Command
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import Value

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
REMOTE = "store"
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}", re.ASCII)
_PLAIN = re.compile(r"[^\s#;=\"'\\\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?")
_YEAR = 365 * 86400.0


class Gateway(Value):
    """Hosts show a certificate; its common name is the only folder that they reach. No passwords anywhere."""

    address: str = Field(description="IP:PORT")
    certificate: str
    key: str
    client_authority: str
    bucket: str
    prefix: str = "restic"
    endpoint: str = Field(description="https://HOST[:PORT] of the S3 storage")
    region: str = "us-east-1"
    path_style: bool = True
    storage_authority: str = ""
    config: str = "/etc/clmdeploy/rclone.conf"
    longest_transfer: int = Field(6 * 3600, ge=60, description="seconds; rclone's limit is on a transfer as a whole")
    keys: dict[str, str] = Field({}, description="SECRETS → file")


def gateway_command(gateway: Gateway) -> Command:
    """For a service that never ends. No object cache: it would not see what prune has removed on the backup host."""
    if not _ADDRESS.fullmatch(gateway.address):
        shown = repr(gateway.address[:80])
        raise InvalidInput(Bilingual(f"gateway: {shown} is no IP:PORT", f"шлюз: {shown} — не IP:PORT"))
    argv = (
        *("rclone", "serve", "restic", f"--config={gateway.config}", f"--addr={gateway.address}"),
        *("--append-only", "--private-repos", "--cache-objects=false"),
        *(f"--cert={gateway.certificate}", f"--key={gateway.key}", f"--client-ca={gateway.client_authority}"),
        *("--min-tls-version=tls1.2", f"--server-read-timeout={gateway.longest_transfer}s"),
        *(f"--server-write-timeout={gateway.longest_transfer}s", "--log-level=NOTICE"),
        *((f"--ca-cert={gateway.storage_authority}",) if gateway.storage_authority else ()),
        # without the slash a folder that is still empty is taken for a file, and the whole bucket served
        f"{REMOTE}:{_plain('bucket', gateway.bucket)}/{_plain('prefix', gateway.prefix)}/",
    )
    return Command(argv, _YEAR, {"LC_ALL": "C"}, gateway.keys)


def gateway_config(gateway: Gateway) -> str:
    """rclone.conf. The keys are not in it: `env_auth` takes them from the service's environment."""
    pairs = (
        ("type", "s3"),
        ("provider", "Other"),
        ("env_auth", "true"),
        ("endpoint", gateway.endpoint),
        ("region", gateway.region),
        ("force_path_style", "true" if gateway.path_style else "false"),
        ("no_check_bucket", "true"),
    )
    body = "".join(f"{key} = {_plain(key, value)}\n" for key, value in pairs)
    return f"# Written by clmdeploy: changes are lost with the next backup setup\n[{REMOTE}]\n{body}"


def repository_of(host: str, address: str) -> str:
    """What `RESTIC_REPOSITORY` is on that host; `address` is HOST:PORT of the gateway."""
    return f"rest:https://{_plain('address', address)}/{_plain('host', host)}/"


def stored_repository_of(host: str, gateway: Gateway) -> str:
    """The same repository as the backup host reaches it, without the gateway."""
    return f"s3:{gateway.endpoint}/{gateway.bucket}/{gateway.prefix}/{_plain('host', host)}"


def _plain(key: str, text: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise InvalidInput(
            Bilingual(f"rclone: {key}: {text[:80]!r} can't be written", f"rclone: {key}: нельзя записать {text[:80]!r}")
        )
    return text
