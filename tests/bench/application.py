"""The application that is deployed: 5 MB that don't compress, in a few hundred files, and one small HTTP service.

It starts in hundredths of a second, so that what is measured is the deploying and not the application.
"""

from __future__ import annotations

import random
from pathlib import Path

FILES = 300
BYTES = 5_000_000
HEALTH_LIMIT = 60  # seconds

_SERVICE = '''\
#!/usr/bin/python3 -IS
"""Answers every request with the version that this process was started as."""

import os
import socket
import sys

here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
with open(os.path.join(here, "VERSION"), encoding="ascii") as file:
    body = b'{"version": "%s"}' % file.read().strip().encode()
answer = b"HTTP/1.0 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(2)
            try:
                connection.recv(65536)
                connection.sendall(answer)
            except OSError:
                continue
'''

_UNIT = """\
[Unit]
Description=The benchmark's service below {root}

[Service]
Type=exec
User=clm
WorkingDirectory={root}/current
ExecStart={root}/current/bin/serve {port}

[Install]
WantedBy=multi-user.target
"""

_MANIFEST = """\
format: release/1
name: clm
version: {version}
components:
  - name: web
    group: app
    units: [{unit}]
    health: [{{http: "http://127.0.0.1:{port}/health", timeout: {limit}}}]
    version_url: http://127.0.0.1:{port}/version
"""


class Place:
    """Where one contender installs: contenders share the hosts, but neither directory, unit nor port."""

    def __init__(self, name: str, root: str, port: int) -> None:
        self.unit = f"bench-{name}.service"
        self.root = root
        self.port = port

    @property
    def unit_text(self) -> str:
        return _UNIT.format(root=self.root, port=self.port)


def write_tree(version: str, target: Path, place: Place) -> Path:
    """Write the release of `version` with its release.yml to the new directory `target`."""
    for name in ("bin", "units", "data"):
        (target / name).mkdir(parents=True)
    manifest = _MANIFEST.format(version=version, unit=place.unit, port=place.port, limit=HEALTH_LIMIT)
    (target / "release.yml").write_text(manifest)
    (target / "VERSION").write_text(version + "\n")
    (target / "bin" / "serve").write_text(_SERVICE)
    (target / "bin" / "serve").chmod(0o755)
    (target / "units" / place.unit).write_text(place.unit_text)
    source = random.Random(version)  # noqa: S311  # the same version has the same bytes, that is all
    for number in range(FILES):
        (target / "data" / f"{number:03d}.bin").write_bytes(source.randbytes(BYTES // FILES))
    return target
