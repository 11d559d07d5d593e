"""`clmdeploy init NAME`: a new environment, asked or by flags."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import json_option, pass_invocation

if TYPE_CHECKING:
    from clmdeploy.config.scaffold import NewEnvironment

_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.command(short_help="Lay out a new environment.")
@click.argument("name")
@click.option("--inventories", type=click.Path(path_type=Path), help="Directory of the environments.")
@click.option("--application", metavar="NAME", help="Name of the releases installed here.  [default: clm]")
@click.option("--host", "hosts", multiple=True, metavar="[GROUP:]NAME=ADDRESS[:PORT]", help="A host; repeat for more.")
@click.option("--ssh-user", metavar="USER", help="Account to log in as.  [default: root]")
@click.option("--ssh-key", type=_FILE, help="Private key to log in with.  [default: ssh-agent]")
@click.option("--endpoint", metavar="URL", help="Address of the S3 storage.")
@click.option("--region", default="us-east-1", show_default=True, help="Region that requests are signed for.")
@click.option("--addressing", type=click.Choice(["path", "virtual"]), default="path", show_default=True)
@click.option("--ca-file", type=_FILE, help="Certificates (PEM) of the storage; copied.  [default: the system's]")
@click.option("--state-bucket", metavar="BUCKET", help="Bucket of journal and leases.  [default: clm-state]")
@click.option("--release-bucket", metavar="BUCKET", help="Bucket of releases.  [default: clm-releases]")
@click.option("--access-key-env", default="CLM_S3_ACCESS_KEY", show_default=True, help="Variable of the access key.")
@click.option("--secret-key-env", default="CLM_S3_SECRET_KEY", show_default=True, help="Variable of the secret key.")
@click.option("--principal", metavar="NAME", help="Who signs with the signing key.")
@click.option("--signing-key", type=_FILE, help="Key to sign with: private, or public when ssh-agent holds it.")
@click.option("--generate-signing-key", is_flag=True, help="Make a new signing key below secrets/.")
@click.option("--allowed-signers", type=_FILE, help="Take over these signers; enough alone for reading only.")
@click.option("--balancer-socket", default="/run/haproxy/admin.sock", show_default=True, help="haproxy's admin socket.")
@click.option("--balancer-backend", "backends", multiple=True, metavar="GROUP=BACKEND", help="Repeat for more.")
@click.option("--host-keys", type=_FILE, help="known_hosts file to take the pinned keys from.")
@click.option(
    "--trust-scanned-key",
    "fingerprints",
    multiple=True,
    metavar="SHA256:...|all",
    help="Pin the scanned key with this fingerprint; all: whatever the hosts show now.",
)
@json_option
@pass_invocation
def init(invocation: Invocation, /, name: str, **given: Any) -> None:  # Any: one value an option, as click parsed it
    """Lay out the environment NAME: hosts, commented settings, pinned host keys, signers.

    What no flag says is asked on a terminal. Host keys come from --host-keys, or are asked from the hosts and must be
    confirmed: they are never taken silently.
    """
    # Heavy imports wait until the command runs, so that `clmdeploy init --help` answers at once.
    from clmdeploy.cli.init_answers import gather
    from clmdeploy.cli.init_trust import confirmed_host_keys
    from clmdeploy.config.creation import Trusted, create, refuse_existing
    from clmdeploy.config.loading import VARIABLE

    inventories = given["inventories"] or invocation.inventories or Path(os.environ.get(VARIABLE) or "inventories")
    refuse_existing(inventories, name)
    new, signers, public_key = gather(name, given, invocation)
    keys = confirmed_host_keys(new, given["host_keys"], given["fingerprints"], invocation)
    directory = create(new, inventories, Trusted(keys, signers, public_key))
    _tell(new, directory, invocation)


def _tell(new: NewEnvironment, directory: Path, invocation: Invocation) -> None:
    where = "" if directory.parent == Path("inventories") else f"--inventories {directory.parent} "
    commands = [
        f"clmdeploy {where}config check -e {new.name}",
        f"clmdeploy {where}host setup -e {new.name}",
        f"clmdeploy {where}doctor -e {new.name}",
        f"clmdeploy {where}deploy VERSION -e {new.name}",
    ]
    if invocation.json:
        files = sorted(path.name for path in directory.iterdir() if path.is_file())
        made = {"environment": new.name, "directory": str(directory), "files": files, "next": commands}
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    click.echo(invocation.say("init.done", directory=directory))
    for command in commands:
        click.echo(f"  {command}")
