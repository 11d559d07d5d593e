"""The catalogue: a version is published once, whole, signed, and never changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from clmdeploy.adapters.memory import MemoryStore
from clmdeploy.changes.ports import ObjectStore
from clmdeploy.model.errors import Conflict, InvalidInput, StoreUnavailable
from clmdeploy.model.signing import Namespace
from clmdeploy.model.value import sha256_hex
from clmdeploy.model.version import Version
from clmdeploy.releases.built import Built
from clmdeploy.releases.bundle import build
from clmdeploy.releases.catalogue import Catalogue, bundle_key, record_key


class SealVerifier:
    """Trusts one made-up principal, whose seal is the digest of namespace and data."""

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        if signature != seal(data, namespace):
            raise InvalidInput("the data is not what was signed")
        return "builder@lab"


def seal(data: bytes, namespace: str = Namespace.RELEASE) -> bytes:
    return f"{namespace}:{sha256_hex(data)}".encode()


class BreakingStore(MemoryStore):
    """Fails at the n-th write, as a killed publish does; `lost` answers are of writes that did happen."""

    def __init__(self, fail_at: int, happened: bool = False) -> None:
        super().__init__()
        self.writes_left = fail_at
        self.happened = happened

    def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
        self.writes_left -= 1
        if self.writes_left == 0:
            if self.happened:
                super().put(key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)
            raise StoreUnavailable("the storage does not answer")
        return super().put(key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)


def _catalogue(store: ObjectStore) -> Catalogue:
    return Catalogue(store, SealVerifier())


def _variant(tree: Path, tmp_path: Path, name: str, version: str = "1.2.0") -> Built:
    """Another build: other bytes, and possibly another version."""
    directory = tmp_path / f"tree-{name}"
    shutil.copytree(tree, directory, symlinks=True)
    (directory / "web" / "variant").write_text(name)
    manifest = directory / "release.yml"
    manifest.write_text(manifest.read_text().replace("version: 1.2.0", f"version: {version}"))
    return build(directory, tmp_path / f"out-{name}")


def test_what_is_published_can_be_fetched(built: Built, tmp_path: Path) -> None:
    """Record, signature, signer and bundle come back as they went in."""
    catalogue = _catalogue(MemoryStore())
    publication = catalogue.publish(built, seal(built.document))
    assert (publication.fresh, publication.principal, publication.warnings) == (True, "builder@lab", ())
    published = catalogue.fetch("clm", Version("1.2.0"))
    assert (published.release, published.document, published.principal) == (
        built.release,
        built.document,
        "builder@lab",
    )
    catalogue.download(published.release, tmp_path / "down.tar.gz")
    assert (tmp_path / "down.tar.gz").read_bytes() == built.bundle.read_bytes()


def test_publishing_again_does_nothing(built: Built) -> None:
    """The same bytes: a success, and not one object is written."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    before = {key: store.get(key) for key in store.keys("")}
    assert not catalogue.publish(built, seal(built.document)).fresh
    assert {key: store.get(key) for key in store.keys("")} == before


def test_other_bytes_of_a_version_are_refused(built: Built, tree: Path, tmp_path: Path) -> None:
    """A published version never changes: both digests are named, and what was published stays."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    other = _variant(tree, tmp_path, "other")
    with pytest.raises(InvalidInput) as caught:
        catalogue.publish(other, seal(other.document))
    assert sha256_hex(built.document) in caught.value.message
    assert sha256_hex(other.document) in caught.value.message
    assert catalogue.fetch("clm", Version("1.2.0")).document == built.document


@pytest.mark.parametrize("happened", [False, True])
@pytest.mark.parametrize("fail_at", [1, 2, 3])
@pytest.mark.parametrize("again", ["same", "other"])
def test_a_publish_that_was_killed_can_be_repeated(
    built: Built, tree: Path, tmp_path: Path, fail_at: int, happened: bool, again: str
) -> None:
    """Whatever was already uploaded, by the same or another build: the repetition publishes a whole release."""
    store = BreakingStore(fail_at, happened)
    catalogue = _catalogue(store)
    with pytest.raises(StoreUnavailable):
        catalogue.publish(built, seal(built.document))
    exists = catalogue.versions("clm") == [Version("1.2.0")]
    assert exists == (fail_at == 3 and happened), "only the last write makes a release exist"
    second = built if again == "same" else _variant(tree, tmp_path, "other")
    if exists and again == "other":
        with pytest.raises(InvalidInput, match="other bytes"):
            catalogue.publish(second, seal(second.document))
        second = built
    else:
        catalogue.publish(second, seal(second.document))
    published = catalogue.fetch("clm", Version("1.2.0"))
    assert published.document == second.document
    catalogue.download(published.release, tmp_path / "down.tar.gz")


def test_two_publishers_at_once_do_not_mix(built: Built, tree: Path, tmp_path: Path) -> None:
    """The second one loses at the last step; the first one's release is whole, signature included."""
    other = _variant(tree, tmp_path, "other")

    class Race(MemoryStore):
        def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
            if only_if_absent and body == built.document:
                _catalogue(self).publish(other, seal(other.document))
            return super().put(key, body, only_if_absent=only_if_absent, only_if_etag=only_if_etag)

    store = Race()
    with pytest.raises(InvalidInput, match="other bytes"):
        _catalogue(store).publish(built, seal(built.document))
    published = _catalogue(store).fetch("clm", Version("1.2.0"))
    assert published.document == other.document
    _catalogue(store).download(published.release, tmp_path / "down.tar.gz")


def test_a_lost_race_against_the_same_bytes_is_a_success(built: Built) -> None:
    """Two pipelines publish the same build: both succeed, one of them was first."""

    class Race(MemoryStore):
        def put(self, key: str, body: bytes, *, only_if_absent: bool = False, only_if_etag: str | None = None) -> str:
            if only_if_absent:
                super().put(key, body)
                raise Conflict("somebody was first")
            return super().put(key, body, only_if_etag=only_if_etag)

    assert not _catalogue(Race()).publish(built, seal(built.document)).fresh


def test_poor_storage_is_checked_first_and_said(built: Built, tree: Path, tmp_path: Path) -> None:
    """Without conditional writes a publish warns, and still refuses other bytes of a version."""
    store = MemoryStore(conditional_writes=False)
    publication = _catalogue(store).publish(built, seal(built.document))
    assert publication.fresh
    assert "no conditional writes" in publication.warnings[0]
    other = _variant(tree, tmp_path, "other")
    with pytest.raises(InvalidInput, match="other bytes"):
        _catalogue(store).publish(other, seal(other.document))


def test_nothing_unsigned_or_damaged_is_published(built: Built, tmp_path: Path) -> None:
    """A bundle that is not its record's, or a signature nobody trusts: refused before anything is written."""
    store = MemoryStore()
    with pytest.raises(InvalidInput, match="not what was signed"):
        _catalogue(store).publish(built, seal(built.document, Namespace.PLAN))
    damaged = tmp_path / "clm.tar.gz"
    damaged.write_bytes(built.bundle.read_bytes()[:-1] + b"\1")
    with pytest.raises(InvalidInput, match="SHA-256"):
        _catalogue(store).publish(replace(built, bundle=damaged), seal(built.document))
    assert list(store.keys("")) == []


def test_lists_versions_in_their_order(tree: Path, tmp_path: Path) -> None:
    """By precedence, not by text; half-published and foreign objects are not listed, nor those of other names."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0"):
        other = _variant(tree, tmp_path, version, version)
        catalogue.publish(other, seal(other.document))
    store.put("clm/3.0.0/bundle-00000000.tar.gz", b"half")
    store.put("clm/notes/release.json", b"foreign")
    store.put("clm/4.0.0/deep/release.json", b"foreign")
    store.put("clmx/5.0.0/release.json", b"another application")
    assert [str(version) for version in catalogue.versions("clm")] == ["1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0"]
    assert catalogue.versions("billing") == []


def test_an_unknown_version_is_refused_with_the_nearest(tree: Path, tmp_path: Path) -> None:
    """The hint lists what is published around it."""
    catalogue = _catalogue(MemoryStore())
    with pytest.raises(InvalidInput, match="no release of clm is published"):
        catalogue.fetch("clm", Version("1.0.0"))
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "2.0.0", "3.0.0"):
        other = _variant(tree, tmp_path, version, version)
        catalogue.publish(other, seal(other.document))
    with pytest.raises(InvalidInput, match=r"release clm 1\.2\.5 is not published") as caught:
        catalogue.fetch("clm", Version("1.2.5"))
    assert caught.value.hint.endswith(": 1.0.0, 1.1.0, 1.2.0, 1.3.0, 1.4.0, 2.0.0")


def test_any_changed_byte_of_the_record_or_signature_is_refused(built: Built) -> None:
    """Each byte of release.json and of its signature in the bucket."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    for key in [key for key in store.keys("") if "release" in key]:
        honest = store.get(key).body
        for place in range(0, len(honest), max(1, len(honest) // 100)):
            store.put(key, honest[:place] + bytes([honest[place] ^ 1]) + honest[place + 1 :])
            with pytest.raises(InvalidInput):
                catalogue.fetch("clm", Version("1.2.0"))
        store.put(key, honest)
    assert catalogue.fetch("clm", Version("1.2.0")).document == built.document


def test_a_record_that_was_moved_is_refused(built: Built) -> None:
    """A signed release under another version's key would be a downgrade in disguise."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    for key in list(store.keys("")):
        store.put(key.replace("1.2.0", "9.0.0"), store.get(key).body)
    with pytest.raises(InvalidInput, match=r"is the record of clm 1\.2\.0"):
        catalogue.fetch("clm", Version("9.0.0"))


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"null", b"[" * 10_000, b"\xff", json.dumps({"format": "x"}).encode()]
)
def test_a_record_that_is_none_is_refused(document: bytes) -> None:
    """Whatever lies where release.json belongs: InvalidInput that names the key."""
    store = MemoryStore()
    store.put(record_key("clm", Version("1.2.0")), document)
    with pytest.raises(InvalidInput, match=r"clm/1\.2\.0/release\.json"):
        _catalogue(store).fetch("clm", Version("1.2.0"))


def test_a_changed_bundle_is_not_downloaded(built: Built, tmp_path: Path) -> None:
    """A bundle that is not the signed one leaves no file behind; a missing one is named."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    store.put(bundle_key(built.release), built.bundle.read_bytes()[:-1] + b"\1")
    with pytest.raises(InvalidInput, match="SHA-256"):
        catalogue.download(built.release, tmp_path / "down.tar.gz")
    assert not (tmp_path / "down.tar.gz").exists()
    with pytest.raises(InvalidInput, match="the bundle is missing"):
        _catalogue(MemoryStore()).download(built.release, tmp_path / "down.tar.gz")


def test_publishing_again_puts_back_what_was_lost(built: Built) -> None:
    """A signature or bundle that is gone, or a signature no longer trusted, is renewed by the same build."""
    store = MemoryStore()
    catalogue = _catalogue(store)
    catalogue.publish(built, seal(built.document))
    lossy = MemoryStore()
    lossy.put(record_key("clm", Version("1.2.0")), built.document)
    with pytest.raises(InvalidInput, match="the signature is missing"):
        _catalogue(lossy).fetch("clm", Version("1.2.0"))
    _catalogue(lossy).publish(built, seal(built.document))
    assert {key: lossy.get(key) for key in lossy.keys("")} == {key: store.get(key) for key in store.keys("")}
