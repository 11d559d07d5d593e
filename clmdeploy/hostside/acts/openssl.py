"""Keys and certificates by the host's own openssl. Private keys never leave the host, nor stand in any argument."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from email.utils import mktime_tz, parsedate_tz

from .call import ActError

LIMIT = 60
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}", re.ASCII)


def new_key() -> bytes:
    """A private key on the curve P-256, as PEM."""
    return run(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"
    )


def request(key: bytes, common_name: str) -> str:
    """A signing request of this key, as PEM."""
    return run("req", "-new", "-key", "/dev/stdin", "-subj", _subject(common_name), stdin=key).decode()


def authority(key: bytes, common_name: str, days: int) -> bytes:
    """A certificate that may sign others, but no further authorities."""
    return run(
        "req", "-x509", "-new", "-key", "/dev/stdin", "-subj", _subject(common_name), "-days", str(days), "-sha256",
        "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        stdin=key,
    )  # fmt: skip


def sign(csr: str, names: list[str], days: int, ca: str, ca_key: str, *, asks: bool = True) -> str:
    """A certificate. `names` like DNS:app1 and IP:10.0.0.1; `ca`, `ca_key`: files; `asks`: it may begin connections
    too, else only answer them.
    """
    usage = "serverAuth,clientAuth" if asks else "serverAuth"
    extensions = (
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        f"extendedKeyUsage={usage}\nsubjectAltName={','.join(names)}\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".ext") as file:
        file.write(extensions)
        file.flush()
        return run(
            "x509", "-req", "-CA", ca, "-CAkey", ca_key, "-set_serial", "0x" + os.urandom(16).hex(), "-days", str(days),
            "-sha256", "-extfile", file.name, stdin=csr.encode(),
        ).decode()  # fmt: skip


def common_name(csr: str) -> str:
    """Of a request whose own signature holds. Raises ActError."""
    said = run("req", "-verify", "-noout", "-subject", "-nameopt", "RFC2253", stdin=csr.encode()).decode()
    # openssl 3.5 says on standard output that the signature is well
    subjects = [line for line in said.splitlines() if not line.endswith(" verify OK")]
    match = re.fullmatch(r"subject=CN=([^,+\\]+)", "\n".join(subjects))
    if match is None:
        raise ActError(f"a signing request for {said.strip()[:200]!r}, which is no plain name")
    return match[1]


def expires(certificate: bytes) -> float:
    """Seconds since 1970."""
    said = run("x509", "-noout", "-enddate", stdin=certificate).decode().strip()
    month, day, clock, year, _zone = said.partition("=")[2].split()
    parsed = parsedate_tz(f"{day} {month} {year} {clock} +0000")
    if parsed is None:
        raise ActError(f"openssl: {said!r} is no time")
    return float(mktime_tz(parsed))


def names_of(certificate: bytes) -> list[str]:
    """Like DNS:app1 and IP:10.0.0.1, sorted."""
    said = run("x509", "-noout", "-ext", "subjectAltName", stdin=certificate).decode()
    listed = said.partition("\n")[2].strip()
    return sorted(one.strip().replace("IP Address:", "IP:") for one in listed.split(",") if one.strip())


def belongs(certificate: bytes, key: bytes) -> bool:
    """Whether the certificate is of this key."""
    return run("x509", "-noout", "-pubkey", stdin=certificate) == run("pkey", "-pubout", stdin=key)


def is_signed_by(certificate: str, ca: str) -> bool:
    """Both are files."""
    command = ["openssl", "verify", "-CAfile", ca, certificate]
    return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False).returncode == 0


def days_left(end: float) -> float:
    return (end - time.time()) / 86400


def run(*words: str, stdin: bytes = b"") -> bytes:
    """Its standard output. Raises ActError."""
    try:
        finished = subprocess.run(["openssl", *words], input=stdin, capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ActError(f"openssl {words[0]}: {error}") from None
    if finished.returncode != 0:
        said = finished.stderr.decode(errors="replace").strip()[-500:]
        raise ActError(f"openssl {words[0]}: exit code {finished.returncode}: {said}")
    return finished.stdout


def _subject(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ActError(f"{name[:80]!r} can't be the name of a certificate")
    return f"/CN={name}"
