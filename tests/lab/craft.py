"""Releases for tests: variants of the sample's, and such as no honest tool would publish."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from clmdeploy.adapters.openssh import OpenSshSigner
from clmdeploy.lab import Lab
from clmdeploy.lab.sample import write_release
from clmdeploy.model.signing import Namespace
from clmdeploy.releases.bundle import build
from clmdeploy.releases.manifest import BundleEntry, Release
from clmdeploy.releases.record import to_bytes

Edit = Callable[[dict[str, Any]], None]
Members = list[tuple[tarfile.TarInfo, bytes]]
Forge = Callable[[Members], None]


def variant(directory: Path, version: str, base: str = "1.2.0", edit: Edit = lambda _manifest: None) -> Path:
    """The source of a release that is `base` under another version, its manifest edited."""
    source = write_release(base, directory / f"source-{version}")
    manifest = yaml.safe_load((source / "release.yml").read_text("utf-8"))
    manifest["version"] = version
    edit(manifest)
    (source / "release.yml").write_text(yaml.safe_dump(manifest, allow_unicode=True), "utf-8")
    told = source / "clm" / "release.py"  # the version that the service itself reports
    told.write_text(told.read_text("utf-8").replace(base, version), "utf-8")
    return source


def forged(directory: Path, version: str, forge: Forge) -> tuple[Release, bytes]:
    """A release whose bundle was changed by `forge` after it was built, and whose record declares the new digest."""
    made = build(variant(directory, version), directory / f"built-{version}")
    members: Members = []
    with tarfile.open(made.bundle) as archive:
        for member in archive:
            content = archive.extractfile(member)
            members.append((member, content.read() if content else b""))
    forge(members)
    bundle = _packed(members)
    entry = BundleEntry(
        sha256=hashlib.sha256(bundle).hexdigest(), size=len(bundle), unpacked=made.release.bundle.unpacked
    )
    return made.release.model_copy(update={"bundle": entry}), bundle


def plant(lab: Lab, release: Release, bundle: bytes, signer: OpenSshSigner | None = None) -> None:
    """Put a release into the bucket past every check of the tool, signed by the lab's own key or by another."""
    document = to_bytes(release)
    signature = (signer or lab_signer(lab)).sign(Namespace.RELEASE, document)
    home = f"{release.manifest.name}/{release.version}"
    objects = {
        f"{home}/bundle-{release.bundle.sha256[:8]}.tar.gz": bundle,
        f"{home}/release-{hashlib.sha256(document).hexdigest()[:8]}.json.sig": signature,
        f"{home}/release.json": document,
    }
    client, bucket = lab.storage.client(), lab.storage.release_bucket
    for key, body in objects.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)


def lab_signer(lab: Lab) -> OpenSshSigner:
    """The administrator's own key."""
    return OpenSshSigner(lab.inventories / "lab" / "secrets" / "signing-key")


def special(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", target: str = "") -> Forge:
    """Adds one member of any name and kind; a member of that name that was there goes."""

    def forge(members: Members) -> None:
        members[:] = [one for one in members if one[0].name != name]
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode, member.size = kind, target, 0o755, len(content)
        members.append((member, content))

    return forge


def _packed(members: Members) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return packed.getvalue()
