"""A bridge for each lab, a network namespace and a veth pair for each host, and the way out to the mirror."""

from __future__ import annotations

import ipaddress
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clmdeploy.lab.machine import LabError, run_program
from clmdeploy.lab.record import LabRecord, subnet
from clmdeploy.lab.spec import HostSpec

NAMESPACES = Path("/run/netns")
_INTERFACE = "host0"  # what a host calls its interface; nspawn's own name for it


def free_index(taken: frozenset[int]) -> int:
    """The lowest index whose subnet neither a lab nor any address or route of the machine uses.

    Raises LabError when all 256 are in use. The caller holds the state directory's lock.
    """
    used = [ipaddress.ip_network(text, strict=False) for text in _networks_in_use()]
    for index in range(256):
        candidate = ipaddress.ip_network(subnet(index))
        if index not in taken and not any(candidate.overlaps(network) for network in used):
            return index
    raise LabError("no subnet of 10.77.0.0/16 is free on this machine", "clmdeploy lab down --name NAME")


def _networks_in_use() -> list[str]:
    routes = _ip_json("-4", "route", "show", "table", "all")
    found = [str(route["dst"]) for route in routes if route.get("dst") not in (None, "default")]
    for link in _ip_json("-4", "address"):
        found += [f"{address['local']}/{address['prefixlen']}" for address in link.get("addr_info", ())]
    return found


def _ip_json(*words: str) -> list[dict[str, Any]]:  # Any: iproute2's own JSON
    text = run_program(("ip", "-j", *words)).stdout
    return json.loads(text) if text.strip() else []


@dataclass(frozen=True)
class Network:
    """The network of one lab."""

    record: LabRecord

    def namespace(self, host: HostSpec) -> str:
        return f"{self.record.tag}-{host.name}"

    def link(self, host: HostSpec) -> str:
        """The bridge's end of a host's cable."""
        return f"{self.record.tag}-{host.octet}"

    def create(self) -> None:
        """Make the bridge, and masquerade what leaves the lab."""
        tag, record = self.record.tag, self.record
        # A bridge without an address of its own takes the lowest of its ports': hosts would lose their gateway.
        _ip_batch(f"link add {tag} address {_mac(record.index, 1)} type bridge",
                  f"address add {record.gateway}/24 dev {tag}", f"link set {tag} up")  # fmt: skip
        rule = f"ip saddr {record.subnet} ip daddr != {record.subnet} masquerade"
        run_program(("nft", "-f", "-"), text=(
            f"table ip {tag} {{ chain post {{ type nat hook postrouting priority 100; {rule}; }}; }}\n"))  # fmt: skip

    def remove(self) -> None:
        """Remove all of it, whatever part of it exists."""
        for file in sorted(NAMESPACES.glob(f"{self.record.tag}-*")):
            run_program(("ip", "netns", "delete", file.name))
        if (Path("/sys/class/net") / self.record.tag).exists():
            for port in sorted(Path(f"/sys/class/net/{self.record.tag}/brif").iterdir()):
                run_program(
                    ("ip", "link", "delete", port.name), check=False
                )  # goes with its namespace, sooner or later
            run_program(("ip", "link", "delete", self.record.tag))
        tables = run_program(("nft", "list", "tables")).stdout.splitlines() if shutil.which("nft") else []
        if f"table ip {self.record.tag}" in tables:
            run_program(("nft", "delete", "table", "ip", self.record.tag))

    def attach(self, host: HostSpec) -> None:
        """Give a host a new namespace with its address, cabled to the bridge."""
        self.detach(host)
        name, link, record = self.namespace(host), self.link(host), self.record
        # The same hardware address each time: neighbours remember it longer than a power loss lasts.
        _ip_batch(
            f"netns add {name}",
            f"link add {link} type veth peer name {_INTERFACE} address {_mac(record.index, host.octet)} netns {name}",
            f"link set {link} master {record.tag} up",
        )
        _ip_batch(
            f"address add {record.address(host)}/24 dev {_INTERFACE}",
            "link set lo up",
            f"link set {_INTERFACE} up",
            f"route add default via {record.gateway}",
            namespace=name,
        )

    def detach(self, host: HostSpec) -> None:
        """Take cable and namespace away, with every connection that the kernel still remembers in it."""
        if self._link_path(host).exists():
            run_program(("ip", "link", "delete", self.link(host)))
        if (NAMESPACES / self.namespace(host)).exists():
            run_program(("ip", "netns", "delete", self.namespace(host)))

    def cut(self, host: HostSpec) -> None:
        """Pull a host's cable. Raises LabError when the host is off."""
        self._set(host, "down")

    def heal(self, host: HostSpec) -> None:
        """Plug it in again. Raises LabError when the host is off."""
        self._set(host, "up")

    def connected(self, host: HostSpec) -> bool:
        """Whether the cable is there and plugged in."""
        try:
            return int((self._link_path(host) / "flags").read_text(), 16) & 1 == 1  # IFF_UP
        except OSError:
            return False

    def _link_path(self, host: HostSpec) -> Path:
        return Path("/sys/class/net") / self.link(host)

    def _set(self, host: HostSpec, state: str) -> None:
        if not self._link_path(host).exists():
            raise LabError(f"{host.name} is off: it has no link", self.record.command(f"fault start {host.name}"))
        run_program(("ip", "link", "set", self.link(host), state))


def _mac(index: int, octet: int) -> str:
    return f"02:77:00:00:{index:02x}:{octet:02x}"  # 02: locally administered


def _ip_batch(*lines: str, namespace: str | None = None) -> None:
    within = ("-n", namespace) if namespace else ()
    run_program(("ip", *within, "-batch", "-"), text="\n".join(lines) + "\n")
