"""Real servers for the contract suites. The S3 server is the lab's program, on loopback: no root needed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from clmdeploy.adapters.s3 import S3Store
from clmdeploy.adapters.s3_client import S3Connection, make_client
from clmdeploy.lab.programs import SEAWEEDFS
from clmdeploy.model.secret import Secret
from tests.certificates import make_certificate
from tests.contract.poor_vendor import poor_vendor

BUCKET = "clm-contract"
ACCESS_KEY, SECRET_KEY = "contract-writer", "contract-secret-key-of-the-tests"
_READY_SECONDS = 60


@dataclass(frozen=True)
class S3Server:
    """A SeaweedFS that persists into a directory of its own; `forbidden` is a bucket that our keys may not use."""

    connection: S3Connection
    bucket: str = BUCKET
    forbidden: str = "clm-forbidden"
    versioned: str = "clm-versioned"
    locked: str = "clm-locked"
    """a bucket that keeps what is written for a day, whoever asks"""

    def keeper(self, bucket: str) -> S3Store:
        """A store with keys that may read and write in every bucket."""
        return self.store(bucket, access_key=Secret("contract-keeper"))

    def store(self, bucket: str | None = None, **changes: object) -> S3Store:
        """A store on this server; `changes` go into the connection."""
        return S3Store(replace(self.connection, **changes), bucket or self.bucket, "storage.state_bucket")


@pytest.fixture(scope="session")
def poor_connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Connection]:
    """A poor vendor over TLS for all contract tests of this run, with an empty bucket."""
    with poor_vendor(tmp_path_factory.mktemp("poor"), BUCKET) as connection:
        yield connection


@pytest.fixture
def poor_store(poor_connection: S3Connection) -> S3Store:
    """Its bucket, as work sees it after `doctor` has looked."""
    store = S3Store(poor_connection, BUCKET, "storage.release_bucket")
    return store.adapted(store.probe_profile())


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server over TLS for all contract tests of this run."""
    home = tmp_path_factory.mktemp("s3")
    certificate = make_certificate(home)
    identities = home / "s3.json"
    reading_locks = "GetBucketObjectLockConfiguration"
    identities.write_text(json.dumps({"identities": [
        _identity("admin", "contract-admin", SECRET_KEY, ["Admin"]),
        _identity("writer", ACCESS_KEY, SECRET_KEY, [f"{action}:{BUCKET}" for action in ("Read", "Write", "List")]),
        _identity("keeper", "contract-keeper", SECRET_KEY, ["Read", "Write", "List", reading_locks]),
    ]}))  # fmt: skip
    port = _free_ports()
    connection = S3Connection(
        f"https://127.0.0.1:{port + 4}", Secret(ACCESS_KEY), Secret(SECRET_KEY), ca_file=certificate, read_timeout=20
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GOMEMLIMIT": "400MiB"}
    command = _command(home, port, certificate, identities)
    with (home / "weed.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, env=environment)
    try:
        server = S3Server(connection)
        _make_buckets(server, home / "weed.log")
        yield server
    finally:
        process.kill()
        process.wait(30)


def _command(home: Path, port: int, certificate: Path, identities: Path) -> list[str]:
    data = home / "data"
    data.mkdir(mode=0o700)
    weed = SEAWEEDFS.ensure_layer(lambda _text: None, frozenset()) / "usr/local/bin/weed"
    return [
        str(weed), "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
        "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        f"-master.port={port}", f"-volume.port={port + 1}", f"-filer.port={port + 2}", f"-s3.port={port + 3}",
        f"-admin.port={port + 5}", f"-s3.port.https={port + 4}", f"-s3.cert.file={certificate.with_name('tls.pem')}",
        f"-s3.key.file={certificate.with_name('tls.key')}", f"-s3.config={identities}", "-s3.autoCreateBucket=false",
    ]  # fmt: skip


def _identity(name: str, access_key: str, secret_key: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": access_key, "secretKey": secret_key}], "actions": actions}


def _free_ports() -> int:
    """The first of six ports in a row; each is free, and so is its gRPC port 10,000 above."""
    for first in range(21000 + os.getpid() % 400 * 20, 40000, 20):
        wanted = [port + offset for port in range(first, first + 6) for offset in (0, 10000)]
        if all(_is_free(port) for port in wanted):
            return first
    raise AssertionError("this machine has no six free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        return candidate.connect_ex(("127.0.0.1", port)) != 0


def _make_buckets(server: S3Server, log: Path) -> None:
    """With the administrator's key; waits for the server as long as that takes, up to a minute."""
    client = make_client(replace(server.connection, access_key=Secret("contract-admin")), 1)
    deadline = time.monotonic() + _READY_SECONDS
    for bucket in (server.bucket, server.forbidden):
        while not _made(client, bucket):
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.3)
    _protect(client, server)


def _protect(client: Any, server: S3Server) -> None:
    client.create_bucket(Bucket=server.versioned)
    client.put_bucket_versioning(Bucket=server.versioned, VersioningConfiguration={"Status": "Enabled"})
    client.create_bucket(Bucket=server.locked, ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    client.put_object_lock_configuration(Bucket=server.locked, ObjectLockConfiguration=configuration)


def _made(client: Any, bucket: str) -> bool:
    try:
        client.create_bucket(Bucket=bucket)
    except (BotoCoreError, ClientError):
        return False
    return True
