"""A poor vendor of S3-compatible storage: `rclone serve s3`. No conditional writes, no versions, no lock, no CRC."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clmdeploy.adapters.s3_client import S3Connection
from clmdeploy.lab.programs import RCLONE
from clmdeploy.model.secret import Secret
from tests.certificates import make_certificate

_ACCESS_KEY, _SECRET_KEY = "poor-writer", "poor-secret-key-of-the-tests"
_READY_SECONDS = 60


@contextmanager
def poor_vendor(home: Path, bucket: str) -> Iterator[S3Connection]:
    """Runs while the block lasts; objects are files below `home`."""
    (home / "data" / bucket).mkdir(parents=True)
    authority = make_certificate(home)
    port = _free_port()
    with (home / "rclone.log").open("wb") as log:
        process = subprocess.Popen(
            _command(home, authority, port), stdout=log, stderr=log,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "RCLONE_CONFIG": "/dev/null"},
        )  # fmt: skip
    try:
        _await(process, port, home / "rclone.log")
        keys = Secret(_ACCESS_KEY), Secret(_SECRET_KEY)
        yield S3Connection(f"https://127.0.0.1:{port}", *keys, ca_file=authority, read_timeout=20)
    finally:
        process.kill()
        process.wait(30)


def _command(home: Path, authority: Path, port: int) -> list[str]:
    program = RCLONE.ensure_layer(lambda _text: None, frozenset()) / "usr/local/bin/rclone"
    return [
        str(program), "serve", "s3", f"--addr=127.0.0.1:{port}", f"--auth-key={_ACCESS_KEY},{_SECRET_KEY}",
        f"--cert={authority.with_name('tls.pem')}", f"--key={authority.with_name('tls.key')}",
        "--min-tls-version=tls1.2", str(home / "data"),
    ]  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with socket.socket() as candidate:
            if candidate.connect_ex(("127.0.0.1", port)) == 0:
                return
        running = process.poll() is None and time.monotonic() < deadline
        assert running, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)
