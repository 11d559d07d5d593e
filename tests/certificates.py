"""Certificates for servers that tests start on loopback."""

from __future__ import annotations

from pathlib import Path

from clmdeploy.lab.machine import run_program


def make_certificate(home: Path) -> Path:
    """The certificate of a CA (ca.pem); beside it the server's own (tls.pem, tls.key)."""
    common = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2",
              "-config", "/dev/null")  # fmt: skip
    ca = home / "ca.pem"
    of_ca = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    of_server = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1")
    issuer = ("-CA", ca, "-CAkey", home / "ca.key")
    run_program((*common, "-subj", "/CN=authority of the tests", "-keyout", home / "ca.key", "-out", ca, *of_ca))
    run_program((*common, "-subj", "/CN=127.0.0.1", "-keyout", home / "tls.key", "-out", home / "tls.pem", *issuer,
                 *of_server))  # fmt: skip
    return ca
