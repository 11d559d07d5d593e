"""The ground that all contenders run on: one lab, the same hosts, the same account on them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from clmdeploy.config.loading import load
from clmdeploy.lab import Lab
from clmdeploy.model.hosts import Host

KEEP_RELEASES = 2  # so few that every later run has something to prune, as in daily life


@dataclass(frozen=True)
class Ground:
    """`scratch`: a directory for bundles and inventories, which goes with the benchmark."""

    lab: Lab
    scratch: Path
    sizes: tuple[int, ...]

    @property
    def environment(self) -> str:
        """Name of the environment, for `-e`."""
        return self.lab.environment

    def inventories(self, size: int) -> Path:
        """The lab's environment with only its first `size` application hosts: no host is drained, as all switch."""
        place = self.scratch / f"inventories-{size}"
        if not place.exists():
            shutil.copytree(self.lab.inventories, place)
            hosts, settings = (place / self.environment / name for name in ("hosts.yml", "clm.yml"))
            inventory = yaml.safe_load(hosts.read_text())
            app = inventory["all"]["children"]["app"]
            app["hosts"] = dict(list(app["hosts"].items())[:size])
            hosts.write_text(yaml.safe_dump(inventory, sort_keys=False))
            tree = yaml.safe_load(settings.read_text())
            tree["install"]["keep_releases"] = KEEP_RELEASES
            settings.write_text(yaml.safe_dump(tree, sort_keys=False))
        return place

    def hosts(self, size: int) -> Sequence[Host]:
        """The application hosts of that inventory."""
        return load(self.inventories(size), self.environment).group("app")

    @cached_property
    def largest(self) -> int:
        return max(self.sizes)

    @cached_property
    def known_hosts(self) -> Path:
        return self.inventories(self.largest) / self.environment / "known_hosts"

    def ssh_options(self) -> dict[str, str]:
        """What every contender's ssh is told: the lab's host keys, strictly."""
        return {
            "UserKnownHostsFile": str(self.known_hosts), "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes", "BatchMode": "yes", "LogLevel": "ERROR",
        }  # fmt: skip
