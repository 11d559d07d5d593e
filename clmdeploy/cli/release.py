"""`clmdeploy release`: build, verify, publish, list; read notes, differences and history."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.options import environment_option, json_option, pass_invocation
from clmdeploy.cli.rollout_options import version_text

if TYPE_CHECKING:
    from clmdeploy.model.version import Version
    from clmdeploy.runtime import Runtime

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(short_help="Build, sign, publish and list releases.")
def release() -> None:
    """Build releases into bundles, publish them signed, and tell what they are and where they went."""


@release.command(short_help="Pack a directory into a bundle.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("dist"), show_default=True)
@click.option("--dotenv", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write CLM_RELEASE_VERSION and CLM_RELEASE_BUNDLE there, for later jobs of a pipeline.")  # fmt: skip
@json_option
@pass_invocation
def build(invocation: Invocation, directory: Path, out: Path, dotenv: Path | None) -> None:
    """Pack the release in DIRECTORY, as its release.yml declares. The same tree always gives the same bytes."""
    from clmdeploy.cli.render.release import tell_built, write_dotenv
    from clmdeploy.releases.bundle import build as pack

    built = pack(directory, out)
    if dotenv:
        write_dotenv(dotenv, built)
    tell_built(invocation, built)


@release.command(short_help="Check a bundle, and who signed it.")
@click.argument("bundle", type=_FILE)
@click.option("-e", "--environment", metavar="NAME", help="Trust the signers of this environment.")
@click.option("--allowed-signers", type=_FILE, help="Trust the signers of this file.")
@click.option("--signature", type=_FILE, help="The signature.  [default: RECORD.sig beside, if there]")
@json_option
@pass_invocation
def verify(
    invocation: Invocation,
    bundle: Path,
    environment: str | None,
    allowed_signers: Path | None,
    signature: Path | None,
) -> None:
    """Check BUNDLE member by member against its record, and the record's signature (exit code 3 when one is bad)."""
    from clmdeploy.cli.render.release import tell_verified
    from clmdeploy.queries.release_files import verify_file
    from clmdeploy.runtime import verifier_of

    if environment and not allowed_signers:
        with closing(_runtime(invocation, environment)) as runtime:
            allowed_signers = runtime.environment.allowed_signers
    trusted = verifier_of(allowed_signers) if allowed_signers else None
    tell_verified(invocation, verify_file(bundle, signature, trusted))


@release.command(short_help="Sign a bundle and publish it, for good.")
@click.argument("bundle", type=_FILE)
@environment_option
@click.option("--signature", type=_FILE, help="Made elsewhere.  [default: RECORD.sig beside, else signed here]")
@json_option
@pass_invocation
def publish(invocation: Invocation, bundle: Path, environment: str, signature: Path | None) -> None:
    """Publish BUNDLE, as `release build` left it, to the release bucket of an environment.

    A published version never changes: the same bytes again do nothing, others are refused (exit code 3).
    """
    from clmdeploy.cli.render.release import tell_published
    from clmdeploy.queries.release_files import load_for, signature_for

    with closing(_runtime(invocation, environment)) as runtime:
        built = load_for(bundle, runtime.environment.settings.application, environment)
        made = signature_for(built, signature, lambda: runtime.signer, runtime.verifier)
        tell_published(invocation, environment, runtime.catalogue.publish(built, made))


@release.command("list", short_help="What is published.")
@environment_option
@json_option
@pass_invocation
def list_(invocation: Invocation, environment: str) -> None:
    """List the published releases of an environment's application; every signature is verified."""
    from clmdeploy.cli.render.release import tell_listing
    from clmdeploy.queries.releases import listing

    with closing(_runtime(invocation, environment)) as runtime:
        found = listing(runtime.catalogue, runtime.environment.settings.application)
        tell_listing(invocation, runtime.environment.settings, found)


@release.command(short_help="Everything about one release.")
@click.argument("version", type=version_text)
@environment_option
@json_option
@pass_invocation
def show(invocation: Invocation, version: Version, environment: str) -> None:
    """Show what a published release consists of, needs and changes, and who signed it."""
    from clmdeploy.cli.render.release import tell_release

    with closing(_runtime(invocation, environment)) as runtime:
        found = runtime.catalogue.fetch(runtime.environment.settings.application, version)
        tell_release(invocation, runtime.environment.settings, found)


@release.command(short_help="Release notes as Markdown.")
@click.argument("version", type=version_text)
@environment_option
@click.option("--since", type=version_text, metavar="VERSION", help="Also the notes of all releases after this one.")
@json_option
@pass_invocation
def notes(invocation: Invocation, version: Version, environment: str, since: Version | None) -> None:
    """Print the notes of a release, in the language of --lang, with its schema changes and changed documents."""
    from clmdeploy.cli.render.release import tell_notes
    from clmdeploy.queries.releases import releases_between

    with closing(_runtime(invocation, environment)) as runtime:
        name = runtime.environment.settings.application
        releases, before = releases_between(runtime.catalogue, name, since, version)
    tell_notes(invocation, releases, before)


@release.command(short_help="What differs between two releases.")
@click.argument("old", type=version_text)
@click.argument("new", type=version_text)
@environment_option
@json_option
@pass_invocation
def diff(invocation: Invocation, old: Version, new: Version, environment: str) -> None:
    """Print what changes on the hosts when NEW follows OLD: files, units, migrations, requirements."""
    from clmdeploy.cli.render.release import tell_diff
    from clmdeploy.releases.diff import diff as compare

    with closing(_runtime(invocation, environment)) as runtime:
        name = runtime.environment.settings.application
        changes = compare(runtime.catalogue.fetch(name, old).release, runtime.catalogue.fetch(name, new).release)
    tell_diff(invocation, changes)


@release.command(short_help="What was truly installed, when and by whom.")
@environment_option
@click.option(
    "--last", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="Of the last N changes."
)
@click.option("--markdown", is_flag=True, help="Print a Markdown table.")
@json_option
@pass_invocation
def history(invocation: Invocation, environment: str, last: int, markdown: bool) -> None:
    """Tell from the journal what was installed: deploys and rollbacks, those that took themselves back included."""
    from clmdeploy.cli.render.history import tell_history
    from clmdeploy.queries.releases import history as read

    with closing(_runtime(invocation, environment)) as runtime:
        tell_history(invocation, runtime.environment.settings, read(runtime.journal, last), markdown=markdown)


def _runtime(invocation: Invocation, environment: str) -> Runtime:
    from clmdeploy.runtime import Runtime

    return Runtime.of(invocation.inventories, environment)
