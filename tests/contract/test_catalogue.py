"""Releases through the whole of it: built, signed with OpenSSH, published to a real S3 server, fetched and checked."""

from __future__ import annotations

import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.openssh import OpenSshSigner, OpenSshVerifier
from clmdeploy.lab.sample import VERSIONS, write_release
from clmdeploy.model.errors import InvalidInput, StoreUnavailable
from clmdeploy.model.secret import Secret
from clmdeploy.model.signing import Namespace
from clmdeploy.model.version import Version
from clmdeploy.releases.built import Built, load_built, load_signature, sign, verify
from clmdeploy.releases.bundle import build
from clmdeploy.releases.catalogue import Catalogue


@pytest.fixture
def signer(tmp_path: Path) -> OpenSshSigner:
    key = tmp_path / "signing-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return OpenSshSigner(key)


@pytest.fixture
def verifier(signer: OpenSshSigner, tmp_path: Path) -> OpenSshVerifier:
    assert isinstance(signer.key, Path)
    public = signer.key.with_suffix(".pub").read_text()
    (tmp_path / "allowed_signers").write_text(f"builder@lab {public}")
    return OpenSshVerifier(tmp_path / "allowed_signers")


@pytest.fixture
def catalogue(s3_server: Any, verifier: OpenSshVerifier) -> Catalogue:
    return Catalogue(s3_server.store(), verifier)


@pytest.fixture(params=["s3", "poor vendor"])
def any_catalogue(request: pytest.FixtureRequest, catalogue: Catalogue, verifier: OpenSshVerifier) -> Catalogue:
    """Also on storage that keeps no conditions."""
    return catalogue if request.param == "s3" else Catalogue(request.getfixturevalue("poor_store"), verifier)


@pytest.fixture
def name() -> str:
    """An application that no other test publishes."""
    return f"app-{secrets.token_hex(6)}"


def _built(tmp_path: Path, name: str, version: str, words: str = "") -> Built:
    directory = write_release(version, tmp_path / f"tree-{version}-{words}")
    manifest = directory / "release.yml"
    manifest.write_text(manifest.read_text().replace("name: clm\n", f"name: {name}\n", 1))
    (directory / "words").write_text(words)
    return build(directory, tmp_path / f"out-{words}")


def test_every_release_of_the_sample_goes_out_and_comes_back(
    any_catalogue: Catalogue, signer: OpenSshSigner, tmp_path: Path, name: str
) -> None:
    """Six releases: published, listed in order, fetched with their signer, downloaded and checked."""
    for version in reversed(VERSIONS):
        built = _built(tmp_path, name, version)
        assert any_catalogue.publish(built, signer.sign(Namespace.RELEASE, built.document)).fresh
    assert [str(version) for version in any_catalogue.versions(name)] == list(VERSIONS)
    for version in VERSIONS:
        published = any_catalogue.fetch(name, Version(version))
        assert published.principal == "builder@lab"
        any_catalogue.download(published.release, tmp_path / "down.tar.gz")


def test_a_signature_may_wait_beside_the_bundle(
    catalogue: Catalogue, signer: OpenSshSigner, tmp_path: Path, name: str
) -> None:
    """One job builds and signs, another one, without the key, publishes what it is handed."""
    built = _built(tmp_path, name, "1.0.0")
    with pytest.raises(InvalidInput, match=r"release\.json\.sig: can't be read"):
        load_signature(built)
    sign(built, signer)
    handed = load_built(built.bundle)
    assert verify(handed, load_signature(handed), catalogue.verifier) == "builder@lab"
    assert catalogue.publish(handed, load_signature(handed)).principal == "builder@lab"


def test_of_two_different_builds_at_once_one_exists(
    catalogue: Catalogue, signer: OpenSshSigner, tmp_path: Path, name: str
) -> None:
    """Four pipelines publish four builds of one version: one wins, three are refused, and the winner is whole."""
    builds = [_built(tmp_path, name, "1.0.0", words) for words in ("a", "b", "c", "d")]

    def publish(built: Built) -> bool:
        try:
            return catalogue.publish(built, signer.sign(Namespace.RELEASE, built.document)).fresh
        except InvalidInput:
            return False

    with ThreadPoolExecutor(4) as pool:
        won = [built for built, fresh in zip(builds, pool.map(publish, builds), strict=True) if fresh]
    published = catalogue.fetch(name, Version("1.0.0"))
    assert [built.document for built in won] == [published.document]
    catalogue.download(published.release, tmp_path / "down.tar.gz")


def test_a_stranger_publishes_nothing(catalogue: Catalogue, tmp_path: Path, name: str) -> None:
    """A signature by a key that isn't listed: refused before anything is written."""
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    built = _built(tmp_path, name, "1.0.0")
    with pytest.raises(InvalidInput, match="not among the valid keys"):
        catalogue.publish(built, OpenSshSigner(stranger).sign(Namespace.RELEASE, built.document))
    assert list(catalogue.store.keys(f"{name}/")) == []


def test_wrong_storage_keys_publish_nothing(
    s3_server: Any, signer: OpenSshSigner, verifier: OpenSshVerifier, tmp_path: Path, name: str
) -> None:
    """The storage refuses, and says by which setting."""
    built = _built(tmp_path, name, "1.0.0")
    store = s3_server.store(secret_key=Secret("wrong"))
    with pytest.raises(StoreUnavailable) as caught:
        Catalogue(store, verifier).publish(built, signer.sign(Namespace.RELEASE, built.document))
    assert "storage.secret_key" in caught.value.hint
