"""The lab's own keys: SSH, host keys, the signing key and a certificate authority; all made by OpenSSH and OpenSSL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clmdeploy.lab.machine import run_program
from clmdeploy.lab.record import LabRecord

PRINCIPAL = "admin@lab"
NAMESPACES = "clmdeploy.release,clmdeploy.plan,clmdeploy.approval,clmdeploy.journal,clmdeploy.point"
_DAYS = "825"  # of a certificate's life: the longest that strict clients accept


@dataclass(frozen=True)
class Authority:
    """The keys below one directory (0700)."""

    directory: Path

    @property
    def ssh_key(self) -> Path:
        return self.directory / "ssh"

    @property
    def signing_key(self) -> Path:
        return self.directory / "signing"

    @property
    def certificate(self) -> Path:
        """The CA's certificate, PEM."""
        return self.directory / "ca.pem"

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    def host_key(self, name: str) -> Path:
        return self.directory / f"host-{name}"

    def service_certificate(self, name: str) -> Path:
        """PEM; its key lies beside it with the suffix .key."""
        return self.directory / f"{name}.pem"

    def create(self, record: LabRecord) -> None:
        """Make every key that the lab needs, and known_hosts."""
        self.directory.mkdir(mode=0o700)
        _ssh_keygen(self.ssh_key, f"lab {record.spec.name}")
        _ssh_keygen(self.signing_key, PRINCIPAL)
        for host in record.spec.hosts:
            _ssh_keygen(self.host_key(host.name), host.name)
        lines = [f"{record.address(host)} {public_key(self.host_key(host.name))}\n" for host in record.spec.hosts]
        self.known_hosts.write_text("".join(lines))
        self._create_ca(record.spec.name)
        for host in record.spec.group("store"):
            self.issue(host.name, f"IP:{record.address(host)},DNS:{host.name}")

    def allowed_signers(self) -> str:
        """Who may sign what; ssh-keygen(1), ALLOWED SIGNERS."""
        return f'{PRINCIPAL} namespaces="{NAMESPACES}" {public_key(self.signing_key)}\n'

    def _create_ca(self, lab: str) -> None:
        extensions = (
            "basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash",
        )  # fmt: skip
        self._request(self.certificate, f"/CN=clmdeploy lab {lab}", extensions)

    def issue(self, name: str, subject_names: str) -> Path:
        """A service's certificate for these names, as X.509 subjectAltName has them."""
        extensions = (
            "basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
            # Both: the S3 server's own parts also show it to each other as clients.
            "extendedKeyUsage=serverAuth,clientAuth", "authorityKeyIdentifier=keyid", f"subjectAltName={subject_names}",
        )  # fmt: skip
        issuer = ("-CA", str(self.certificate), "-CAkey", str(self.certificate.with_suffix(".key")))
        self._request(self.service_certificate(name), f"/CN={name}", extensions, *issuer)
        return self.service_certificate(name)

    def _request(self, certificate: Path, subject: str, extensions: tuple[str, ...], *issuer: str) -> None:
        added = [word for extension in extensions for word in ("-addext", extension)]
        run_program((
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-days", _DAYS, "-subj", subject, "-keyout", certificate.with_suffix(".key"), "-out", certificate,
            # No file of the machine decides: its [v3_ca] would add basicConstraints a second time.
            "-config", "/dev/null", *added, *issuer,
        ))  # fmt: skip


def public_key(private: Path) -> str:
    """Type and key of the public half, without its comment."""
    return " ".join(private.with_name(private.name + ".pub").read_text().split()[:2])


def _ssh_keygen(path: Path, comment: str) -> None:
    run_program(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path))
