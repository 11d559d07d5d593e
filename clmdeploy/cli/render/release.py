"""What `release` shows: tables, Markdown, differences; or one JSON object each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.render.console import make_console, make_table, moment, size_words
from clmdeploy.config.settings import Environment
from clmdeploy.model.errors import InvalidInput
from clmdeploy.queries.release_files import Verified
from clmdeploy.queries.releases import Listed
from clmdeploy.releases import diff, notes
from clmdeploy.releases.built import Built, document_path
from clmdeploy.releases.catalogue import Publication, Published
from clmdeploy.releases.manifest import Component, Manifest, Release


def tell_built(invocation: Invocation, built: Built) -> None:
    """Where the bundle is and what is in it."""
    report = _of_built(built)
    if invocation.json:
        _print({"format": "release-build/1", **report})
        return
    click.echo(built.bundle)
    click.echo(invocation.say("release.built", **report))


def write_dotenv(path: Path, built: Built) -> None:
    """Variables for later jobs of a pipeline. Raises InvalidInput when the file can't be written."""
    text = f"CLM_RELEASE_VERSION={built.release.version}\nCLM_RELEASE_BUNDLE={built.bundle}\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path}: can't be written: {error.strerror}") from error


def tell_verified(invocation: Invocation, verified: Verified) -> None:
    """That the bundle is good, and who signed it; a signature that nobody checked is said to be so."""
    signature = str(verified.signature) if verified.signature else None
    report = {**_of_built(verified.built), "signature": signature, "signer": verified.signer}
    if invocation.json:
        _print({"format": "release-verify/1", **report})
        return
    click.echo(invocation.say("release.good", **report))
    kind = "signed" if verified.signer else "unchecked" if signature else "unsigned"
    click.echo(invocation.say(f"release.{kind}", **report))


def tell_published(invocation: Invocation, environment: str, publication: Publication) -> None:
    """That it is there now, or was already."""
    manifest = publication.release.manifest
    report = {
        "environment": environment, "name": manifest.name, "version": str(manifest.version),
        "signer": publication.principal, "fresh": publication.fresh, "warnings": list(publication.warnings),
    }  # fmt: skip
    if invocation.json:
        _print({"format": "release-publish/1", **report})
        return
    click.echo(invocation.say("release.published" if publication.fresh else "release.already", **report))
    for warning in publication.warnings:
        click.echo(warning, err=True)


def tell_listing(invocation: Invocation, settings: Environment, found: Sequence[Listed]) -> None:
    """A table, the newest version last: it stands next to the prompt."""
    if invocation.json:
        releases = [one.model_dump(mode="json") for one in found]
        report = {"environment": settings.name, "application": settings.application, "releases": releases}
        _print({"format": "release-list/1", **report})
        return
    if not found:
        click.echo(invocation.say("release.none", application=settings.application))
        return
    table = make_table(invocation, "version", "published", "signer", "size", "files")
    for one in found:
        published = moment(one.published, settings.time_zone) if one.published else ""
        if one.fault:
            table.add_row(str(one.version), one.fault)
        else:
            table.add_row(str(one.version), published, one.signer, size_words(one.size), str(one.files))
    make_console().print(table)


def tell_release(invocation: Invocation, settings: Environment, found: Published) -> None:
    """One release; its JSON carries the signed record itself."""
    published = found.published.isoformat(timespec="seconds") if found.published else None
    if invocation.json:
        record = json.loads(found.document)
        _print({"format": "release-show/1", "signer": found.principal, "published": published, "release": record})
        return
    table = make_table(invocation, "what", "value")
    table.show_header = False
    release = found.release
    rows = [
        ("published", moment(published, settings.time_zone) if published else "-"),
        ("signer", found.principal),
        ("bundle", f"{size_words(release.bundle.size)}, SHA-256 {release.bundle.sha256}"),
        ("files", f"{len(release.files)}, {size_words(release.bundle.unpacked)}"),
        *_contract(release.manifest),
    ]
    for name, value in rows:
        table.add_row(invocation.say(f"column.{name}"), value)
    click.secho(f"{release.manifest.name} {release.version}", bold=True)
    make_console().print(table)
    click.echo("\n" + notes.render([release], invocation.language).partition("\n")[2].strip())


def tell_notes(invocation: Invocation, releases: Sequence[Release], before: Release | None) -> None:
    """Markdown."""
    text = notes.render(releases, invocation.language, before)
    versions = [str(release.version) for release in releases]
    if invocation.json:
        _print({"format": "release-notes/1", "language": invocation.language, "versions": versions, "markdown": text})
    else:
        click.echo(text.rstrip("\n"))


def tell_diff(invocation: Invocation, changes: diff.ReleaseDiff) -> None:
    """One line a change."""
    if invocation.json:
        _print({"format": "release-diff/1", **changes.model_dump(mode="json")})
    else:
        click.echo(diff.render(changes), nl=False)


def _contract(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for component in manifest.components:
        yield "component", _component(component)
    for shared in manifest.shared:
        yield "shared", f"{shared.path} ({shared.owner})"
    if manifest.data_schema:
        known = [f"{one.version} ({one.kind})" for one in manifest.data_schema.migrations]
        yield "schema", f"{manifest.data_schema.needs}: {', '.join(known)}"
    requires = manifest.requires
    systems = f", {', '.join(requires.os)}" if requires.os else ""
    yield "requires", f"{size_words(requires.disk)} disk, {size_words(requires.memory)} memory{systems}"


def _component(component: Component) -> str:
    return f"{component.name} ({component.group}): {', '.join(component.units) or '-'}"


def _of_built(built: Built) -> dict[str, Any]:  # Any: JSON
    release = built.release
    return {
        "name": release.manifest.name, "version": str(release.version), "bundle": str(built.bundle),
        "record": str(document_path(built.bundle)), "sha256": release.bundle.sha256, "size": release.bundle.size,
        "unpacked": release.bundle.unpacked, "files": len(release.files),
    }  # fmt: skip


def _print(report: dict[str, Any]) -> None:  # Any: JSON
    click.echo(json.dumps(report, ensure_ascii=False))
