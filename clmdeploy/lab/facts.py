"""What the disks of a lab's hosts are made from: the record, the keys and the passwords together."""

from __future__ import annotations

from dataclasses import dataclass

from clmdeploy.lab.authority import Authority
from clmdeploy.lab.credentials import Credentials
from clmdeploy.lab.record import LabRecord
from clmdeploy.lab.state import LabDirectory

BALANCER_SOCKET = "/run/haproxy/admin.sock"
WEB_BACKEND = "clm_web"
CONTENT_BACKEND = "clm_content"
WEB_PORT = 8080
CONTENT_PORT = 8090
S3_PORT = 8334
PROXY_PORT = 8335  # on the bridge's own address
S3_REGION = "us-east-1"
STATE_BUCKET = "clm-state"
RELEASE_BUCKET = "clm-releases"
BACKUP_BUCKET = "clm-backups"
DATABASE = "clm"
INSTALL_ROOT = "/opt/clm"
DEPLOY_USER = "deploy"


@dataclass(frozen=True)
class LabFacts:
    """Read-only view that the roles write their files from."""

    record: LabRecord
    authority: Authority
    credentials: Credentials

    @classmethod
    def of(cls, directory: LabDirectory) -> LabFacts:
        """Of a lab that stands. Raises LabError when its files are damaged."""
        return cls(directory.record(), Authority(directory.keys), Credentials.load(directory.credentials_file))

    @property
    def database_url(self) -> str | None:
        address = self.record.first_address("db")
        return address and f"postgresql://{DATABASE}:{self.credentials.database_password}@{address}:5432/{DATABASE}"

    @property
    def content_url(self) -> str | None:
        address = self.record.first_address("worker")
        return address and f"http://{address}:{CONTENT_PORT}"

    @property
    def s3_endpoint(self) -> str | None:
        address = self.record.first_address("store")
        return address and f"https://{address}:{S3_PORT}"
