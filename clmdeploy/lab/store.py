"""The object store's role: SeaweedFS with S3 over TLS; its internal ports are closed in three ways."""

from __future__ import annotations

import time
from collections.abc import Callable

from clmdeploy.lab.disk import DiskDirectory, DiskEntry, DiskFile, enabled
from clmdeploy.lab.facts import BACKUP_BUCKET, RELEASE_BUCKET, S3_PORT, STATE_BUCKET, LabFacts
from clmdeploy.lab.machine import LabError
from clmdeploy.lab.spec import HostSpec
from clmdeploy.lab.storage import StorageAccess, buckets_of, create_bucket, create_locked_bucket
from clmdeploy.lab.store_identities import identities

_ACCOUNT = "seaweedfs"
_ETC = "/etc/seaweedfs"
_DATA = "/var/lib/seaweedfs"
_READY_LIMIT = 60.0  # seconds from the host's start to the first answer

_UNIT = """\
[Unit]
Description=SeaweedFS, the S3 server of this lab
After=network.target nftables.service
Requires=nftables.service

[Service]
User={account}
WorkingDirectory={etc}
Environment=GOMEMLIMIT=400MiB HOME={data}
ExecStart=/usr/local/bin/weed {arguments}
Restart=on-failure
UMask=0077
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=strict
ReadWritePaths={data}
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""

# Without these, the ports of filer and volume server would read and write past every S3 key.
_SECURITY = """\
[jwt.signing]
key = "{volume_write_key}"
expires_after_seconds = 60
[jwt.signing.read]
key = "{volume_read_key}"
expires_after_seconds = 60
[jwt.filer_signing]
key = "{filer_write_key}"
expires_after_seconds = 60
[jwt.filer_signing.read]
key = "{filer_read_key}"
expires_after_seconds = 60
[filer.expose_directory_metadata]
enabled = false
[grpc]
ca = "{etc}/ca.pem"
"""
# The master has no keys at all: whoever reaches its port drops a bucket's data with one request.
_FIREWALL = f"""\
#!/usr/sbin/nft -f
flush ruleset
table inet lab {{
    chain input {{
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        tcp dport {{ 22, {S3_PORT} }} accept
    }}
}}
"""
_PARTS = ("volume", "master", "filer", "s3", "msg_broker", "msg_agent", "admin", "worker", "mq", "client")


def entries(facts: LabFacts, host: HostSpec) -> tuple[DiskEntry, ...]:
    authority = facts.authority
    certificate = authority.service_certificate(host.name)
    unit = _UNIT.format(account=_ACCOUNT, etc=_ETC, data=_DATA, arguments=" ".join(_arguments(facts, host)))
    return (
        DiskDirectory(_ETC, 0o700, _ACCOUNT),
        DiskFile(f"{_ETC}/ca.pem", authority.certificate.read_text(), 0o600, _ACCOUNT),
        DiskFile(f"{_ETC}/tls.pem", certificate.read_text(), 0o600, _ACCOUNT),
        DiskFile(f"{_ETC}/tls.key", certificate.with_suffix(".key").read_text(), 0o600, _ACCOUNT),
        DiskFile(f"{_ETC}/security.toml", security(facts), 0o600, _ACCOUNT),
        DiskFile(f"{_ETC}/s3.json", identities(facts), 0o600, _ACCOUNT),
        DiskDirectory(_DATA, 0o700, _ACCOUNT),
        DiskFile("/etc/nftables.conf", _FIREWALL, 0o700),
        enabled("nftables.service", wanted_by="sysinit.target"),
        DiskFile("/etc/systemd/system/seaweedfs.service", unit),
        enabled("seaweedfs.service", "/etc/systemd/system"),
    )


def security(facts: LabFacts) -> str:
    """The text of security.toml; the names are those of `weed scaffold -config=security`."""
    keys = facts.credentials
    text = _SECURITY.format(
        etc=_ETC, volume_write_key=keys.volume_write_key, volume_read_key=keys.volume_read_key,
        filer_write_key=keys.filer_write_key, filer_read_key=keys.filer_read_key,
    )  # fmt: skip
    pair = f'cert = "{_ETC}/tls.pem"\nkey = "{_ETC}/tls.key"\n'
    return text + "".join(f"[grpc.{part}]\n{pair}" for part in _PARTS)


def ready(facts: LabFacts, alive: Callable[[], bool]) -> None:
    """Wait for the server, make the buckets that are missing.

    Raises LabError when it does not answer in time, or at once when the host is no longer `alive`.
    """
    access = StorageAccess.admin(facts)
    deadline = time.monotonic() + _READY_LIMIT
    while (found := buckets_of(access)) is None:
        if time.monotonic() > deadline or not alive():
            raise LabError(f"the S3 server at {access.endpoint} does not answer")
        time.sleep(0.2)
    for bucket in {STATE_BUCKET, RELEASE_BUCKET} - found:
        create_bucket(access, bucket)
    if BACKUP_BUCKET not in found:
        create_locked_bucket(access, BACKUP_BUCKET)


def _arguments(facts: LabFacts, host: HostSpec) -> tuple[str, ...]:
    address = facts.record.address(host)
    return (
        "mini", f"-dir={_DATA}", f"-ip={address}", f"-ip.bind={address}", "-master.telemetry=false", "-webdav=false",
        "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.port=8333", f"-s3.port.https={S3_PORT}",
        f"-s3.cert.file={_ETC}/tls.pem", f"-s3.key.file={_ETC}/tls.key", f"-s3.config={_ETC}/s3.json",
        "-s3.iam=false", "-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false",
        "-filer.exposeDirectoryData=false",
    )  # fmt: skip
