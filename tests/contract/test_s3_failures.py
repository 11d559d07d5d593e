"""Storage that can't be used is refused in words an administrator can act on, and never with a key in them."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.adapters.s3 import S3Store
from clmdeploy.model.errors import ClmError, ExitCode, InvalidInput, StoreUnavailable
from clmdeploy.model.secret import Secret

KEY = "staging/lease/fleet"


def _failure(store: S3Store) -> ClmError:
    """The error of a read; every other method must fail with the same words."""
    with pytest.raises(ClmError) as read:
        store.get(KEY)
    for act in (
        lambda: store.put(KEY, b"x"),
        lambda: store.put(KEY, b"x", only_if_absent=True),
        lambda: store.keys("staging/"),
        store.probe_profile,
    ):
        with pytest.raises(type(read.value)) as other:
            act()
        assert other.value.message == read.value.message
    for secret in (store.connection.access_key, store.connection.secret_key):
        assert secret.reveal() not in f"{read.value.message} {read.value.hint}"
    return read.value


def test_an_unknown_access_key_is_named_by_its_setting(s3_server: Any) -> None:
    """The wrong access key: exit code 4, endpoint, bucket, and storage.access_key."""
    error = _failure(s3_server.store(access_key=Secret("nobody-knows-this-one")))
    assert error.exit_code is ExitCode.FAILED_UNCHANGED
    assert "storage.access_key" in error.hint
    assert s3_server.connection.endpoint in error.message
    assert s3_server.bucket in error.message


def test_a_wrong_secret_key_is_named_by_its_setting(s3_server: Any) -> None:
    """The wrong secret key: storage.secret_key."""
    error = _failure(s3_server.store(secret_key=Secret("not-the-key-of-this-account")))
    assert isinstance(error, StoreUnavailable)
    assert "storage.secret_key" in error.hint


def test_hints_name_the_section_that_the_keys_stand_in(s3_server: Any) -> None:
    """The bucket of backups has keys of its own, and may be on a storage of its own."""
    ours = s3_server.store(secret_key=Secret("not-the-key-of-this-account"))
    backups = replace(ours, setting="backup.storage.bucket", keys_setting="backup.storage.archive")
    assert "check backup.storage.archive.secret_key," in _failure(backups).hint
    elsewhere = replace(
        backups, connection=replace(ours.connection, ca_file=Path("/etc/ssl/certs/ca-certificates.crt"))
    )
    assert "check backup.storage.ca_file, and the name in backup.storage.endpoint" in _failure(elsewhere).hint


def test_a_bucket_without_rights_says_so(s3_server: Any) -> None:
    """Right keys for another bucket: rights, not absence."""
    error = _failure(s3_server.store(s3_server.forbidden))
    assert isinstance(error, StoreUnavailable)
    assert "rights" in error.hint


def test_a_missing_bucket_is_named_by_its_setting(s3_server: Any) -> None:
    """A bucket that isn't there: invalid configuration, and which key of clm.yml names it."""
    store = s3_server.store("clm-no-such-bucket", access_key=Secret("contract-admin"))
    error = _failure(store)
    assert isinstance(error, InvalidInput)
    assert "storage.state_bucket" in error.hint


def test_an_unknown_certificate_is_refused(s3_server: Any) -> None:
    """A storage whose certificate the CA file doesn't vouch for gets no request."""
    other = Path("/etc/ssl/certs/ca-certificates.crt")
    error = _failure(s3_server.store(ca_file=other))
    assert isinstance(error, StoreUnavailable)
    assert "storage.ca_file" in error.hint


def test_a_missing_ca_file_is_named(s3_server: Any, tmp_path: Path) -> None:
    """storage.ca_file that does not exist is a fault of the configuration."""
    with pytest.raises(InvalidInput, match=r"storage\.ca_file"):
        s3_server.store(ca_file=tmp_path / "none.pem").get(KEY)


def test_nobody_at_the_endpoint(s3_server: Any) -> None:
    """A closed port: exit code 4 and storage.endpoint."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"https://127.0.0.1:{reserved.getsockname()[1]}"
        error = _failure(s3_server.store(endpoint=endpoint))
    assert isinstance(error, StoreUnavailable)
    assert endpoint in error.message
    assert "storage.endpoint" in error.hint


def test_an_endpoint_that_never_answers(s3_server: Any) -> None:
    """A storage that takes connections and says nothing is given up on."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = s3_server.store(endpoint=endpoint, ca_file=None, connect_timeout=0.2, read_timeout=0.2)
        with pytest.raises(StoreUnavailable, match="in time"):
            store.get(KEY)


def test_an_administrators_own_aws_settings_are_not_used(s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_* variables neither lend keys nor point elsewhere nor break the tool."""
    for name, value in {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        "AWS_CA_BUNDLE": "/nowhere",
        "AWS_DEFAULT_REGION": "mars",
    }.items():
        monkeypatch.setenv(name, value)
    store = s3_server.store()
    store.put("own/settings", b"x")
    assert store.get("own/settings").body == b"x"
