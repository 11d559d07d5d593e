"""How boto3 is set up for S3-compatible storage: nothing from ~/.aws or AWS_*, bounded waiting, no odd checksums."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.secret import Secret

RETRIES = 4  # attempts, the first included
Checksums = Literal["when_required", "when_supported"]
_WITH_BODIES = ("PutObject", "UploadPart")
_ONE_AT_A_TIME = threading.Lock()  # clients may be used by several threads, but not made by them

_SYSTEM_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")  # Debian, Red Hat


@dataclass(frozen=True)
class S3Connection:
    """Where the storage is and who we are there; timeouts in seconds, for one attempt."""

    endpoint: str
    access_key: Secret
    secret_key: Secret
    region: str = "us-east-1"
    ca_file: Path | None = None
    addressing: Literal["path", "virtual"] = "path"
    connect_timeout: float = 5
    read_timeout: float = 30
    # Since 1.36 boto3 adds CRC checksums that many S3-compatible servers refuse (boto3 #4392).
    checksums: Checksums = "when_required"
    content_md5: bool = False
    """Whether every body is announced with its MD5: some need that where object lock is on, S3 itself among them"""


def make_client(
    connection: S3Connection, attempts: int, checksums: Checksums | None = None
) -> Any:  # Any: boto3 makes its clients at run time
    """A boto3 S3 client that tries each request `attempts` times. Raises InvalidInput for a missing CA file.

    `checksums`: other ones than the connection's.
    """
    with _ONE_AT_A_TIME:
        client = _session().client(
            "s3",
            endpoint_url=connection.endpoint,
            region_name=connection.region,
            aws_access_key_id=connection.access_key.reveal(),
            aws_secret_access_key=connection.secret_key.reveal(),
            verify=_certificates(connection.ca_file),
            config=_config(connection, attempts, checksums or connection.checksums),
        )
    if connection.content_md5:
        for operation in _WITH_BODIES:
            client.meta.events.register(f"before-call.s3.{operation}", _announce_md5)
    return client


def _announce_md5(params: Any, **_event: Any) -> None:  # Any: botocore's request before it is signed
    from botocore.utils import calculate_md5

    if "Content-MD5" not in params["headers"]:
        params["headers"]["Content-MD5"] = calculate_md5(params["body"])


@cache
def _session() -> Any:  # Any: boto3 ships no types
    """The first client of a session reads how S3 is spoken, a tenth of a second; the others find it read."""
    import boto3  # slow to import: only who uses storage pays
    import botocore.session

    # An administrator's own AWS profile must neither lend keys to this tool nor break it.
    nowhere = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull, "ca_bundle": None}
    core = botocore.session.Session(session_vars={name: (None, None, value, None) for name, value in nowhere.items()})
    return boto3.session.Session(botocore_session=core)


def _config(connection: S3Connection, attempts: int, checksums: Checksums) -> Any:  # Any: botocore ships no types
    from botocore.config import Config

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": connection.addressing},
        connect_timeout=connection.connect_timeout,
        read_timeout=connection.read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        request_checksum_calculation=checksums,
        response_checksum_validation="when_required",
        tcp_keepalive=True,
    )


def _certificates(ca_file: Path | None) -> str:
    """The bundle to check the storage's certificate with: botocore's own would not know the company's CA."""
    if ca_file is not None:
        if not ca_file.is_file():
            raise InvalidInput(f"storage.ca_file: {ca_file}: no such file", "name the PEM file of the storage's CA")
        return str(ca_file)
    standing = (os.environ.get("SSL_CERT_FILE"), *_SYSTEM_BUNDLES, ssl.get_default_verify_paths().cafile)
    found = next((path for path in standing if path and os.path.isfile(path)), None)
    if found is None:
        raise InvalidInput("this machine has no CA certificates", "apt install ca-certificates, or set storage.ca_file")
    return found
