"""States of the fleet that cases begin from: kept on the hosts once, put back in a second, without clmdeploy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from clmdeploy.lab import Lab
from clmdeploy.lab.host import LabHost
from tests.faults.on_host import stop_watching, watch_link
from tests.faults.state import FleetState, psql

_SAVE = r"""
set -eu
rm -rf "$1"; mkdir -p "$1"
test ! -d /opt/clm/releases || cp -a /opt/clm/releases /opt/clm/current "$1/"
cp -a /var/lib/clmdeploy/host.json "$1/"
"""
_PUT_BACK = r"""
set -eu
for unit in $(systemctl list-units --plain --no-legend 'clm-*' | cut -d' ' -f1); do systemctl stop "$unit"; done
rm -rf /run/clmdeploy/*
cp -a "$1/host.json" /var/lib/clmdeploy/host.json
test -d "$1/releases" || exit 0
rm -rf /opt/clm/releases; cp -a "$1/releases" /opt/clm/releases
cp -aT "$1/current" /opt/clm/current.put-back; mv -T /opt/clm/current.put-back /opt/clm/current
systemctl daemon-reload
for link in /etc/systemd/system/clm-*.service; do systemctl start "${link##*/}"; done
"""
_READY = r"""
import socket
with socket.socket(socket.AF_UNIX) as balancer:
    balancer.settimeout(10)
    balancer.connect("/run/haproxy/admin.sock")
    balancer.sendall(b"; ".join(b"set server %s state ready" % one.encode() for one in SERVERS) + b"\n")
    balancer.makefile().read()
"""
_REVERT = """
DROP INDEX IF EXISTS responses_campaign_channel;
ALTER TABLE responses DROP COLUMN IF EXISTS channel;
DELETE FROM schema_history WHERE version > 1;
"""


@dataclass(frozen=True)
class Baseline:
    """`schema`: the version that the database is at."""

    name: str
    schema: int
    state: FleetState

    @classmethod
    def kept(cls, lab: Lab, name: str, schema: int) -> Baseline:
        """The fleet as it is now, to come back to."""
        _on_all(lab, lambda host: host.run(("sh", "-c", _SAVE, "save", _place(name))))
        return cls(name, schema, FleetState.of(lab))

    def put_back(self, lab: Lab, found: FleetState) -> None:
        """Bring hosts, balancer and database back to this state, from whatever was `found`; then watch the links."""
        if not found.differences(self.state) and not any(host["acts"] for host in found.hosts.values()):
            _on_all(lab, watch_link)
            return
        _on_all(lab, stop_watching)
        self._migrate(lab, found)
        _on_all(lab, lambda host: host.run(("sh", "-c", _PUT_BACK, "put-back", _place(self.name))))
        lab.host("lb1").run(("python3", "-c", f"SERVERS = {sorted(self.state.balancer)!r}\n{_READY}"))
        _on_all(lab, watch_link)

    def _migrate(self, lab: Lab, found: FleetState) -> None:
        if found.schema == self.state.schema:
            return
        if self.schema == 1:
            psql(lab, _REVERT)
            return
        # By the release's own hook, from the copy that is kept: the hosts may not have it staged any more.
        copy = f"{_place(self.name)}/current/bin/migrate"
        hook = (
            "--property=User=clm",
            "--property=EnvironmentFile=/opt/clm/shared/clm.env",
            copy,
            "up",
            str(self.schema),
        )
        lab.host("app1").run(("systemd-run", "--quiet", "--wait", "--pipe", *hook))


def _place(name: str) -> str:
    return f"/var/lib/flt/{name}"


def _on_all(lab: Lab, act: Callable[[LabHost], object]) -> None:
    hosts = [host for host in lab.hosts.values() if host.group in ("app", "worker", "lb")]
    with ThreadPoolExecutor() as threads:
        list(threads.map(act, hosts))
