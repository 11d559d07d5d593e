"""The ground that both contenders run on: one lab with a standby and a backup host, data of the kit, the same hosts."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from clmdeploy.lab import Lab
from clmdeploy.lab.sample import write_release
from tests.bench.measure import ContenderFailed
from tests.lab.backups.kit.database import Database
from tests.lab.backups.kit.tree import TreeSize, change_tree, make_tree, on
from tests.lab.command_line import CommandLine, publish

FILES = "/srv/kit"
"""on the worker, beside what the release declares"""
_RELEASE = "1.0.0"


@dataclass
class Ground:
    """`scratch`: a directory for inventories and bundles; `size`: bytes of the database, and half as much of files."""

    lab: Lab
    scratch: Path
    size: int
    changes: int = field(default=0, init=False)

    @property
    def database(self) -> Database:
        return Database(self.lab.host("db1"))

    @property
    def command_line(self) -> CommandLine:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "USER") if name in os.environ}
        inventories = {"CLM_INVENTORIES": str(self.scratch / "inventories")}
        return CommandLine({**kept, "HOME": str(self.scratch), **self.lab.operator_environment(), **inventories})

    def clmdeploy(self, *words: str) -> None:
        """Run it as part of the preparation. Raises ContenderFailed."""
        ran = self.command_line(*words, timeout=1800)
        if ran.code != 0:
            raise ContenderFailed(f"{' '.join(words)}: exit code {ran.code}\n{ran.said[-3000:]}")

    def prepare(self) -> None:
        """Hosts set up, the sample installed, backups set up, data there."""
        self._write_inventories()
        self.clmdeploy("host", "setup", "-e", "lab", "--yes")
        source = write_release(_RELEASE, self.scratch / _RELEASE)
        if publish(self.command_line, source, self.scratch / "bundles").code != 0:
            raise ContenderFailed("release publish")
        at_once = ("--no-restore-point", "a benchmark", "--strategy", "all-at-once", "--soak", "0")
        self.clmdeploy("deploy", _RELEASE, "-e", "lab", "--yes", *at_once)
        self.database.fill(self.size)
        big = max(1, self.size // 2 // 50_000_000)
        make_tree(on(self.lab.host("worker1")), FILES, TreeSize(small=1000, big=big, big_bytes=50_000_000))
        self.clmdeploy("backup", "setup", "-e", "lab", "--yes", "--restart-postgresql")

    def _write_inventories(self) -> None:
        shutil.copytree(self.lab.inventories, self.scratch / "inventories")
        settings = self.scratch / "inventories" / "lab" / "clm.yml"
        tree = yaml.safe_load(settings.read_text())
        tree["backup"]["files"]["paths"]["worker"] = [FILES]
        settings.write_text(yaml.safe_dump(tree, sort_keys=False))

    def change(self, share: float, *, scattered: bool) -> None:
        """The same share for both contenders, of database and files, never twice the same bytes."""
        self.changes += 1
        self.database.change(share, scattered=scattered, seed=self.changes)
        change_tree(on(self.lab.host("worker1")), FILES, share, scattered=scattered, seed=self.changes)

    def settle(self) -> None:
        """After a restore: until the standby's own checkpoint is on the new timeline, for pgBackRest goes by that."""
        control = "SELECT timeline_id FROM pg_control_checkpoint()"
        script = f"runuser -u postgres -- psql -XAtq -c CHECKPOINT -c '{control}'"
        primary = standby = ""
        for _ in range(120):
            primary, standby = (self.lab.host(name).run(["sh", "-c", script]).stdout for name in ("db1", "db2"))
            if primary == standby:
                return
            time.sleep(0.5)
        said = self.lab.host("db2").run(["journalctl", "-u", "postgresql@17-main", "-n", "20", "--no-pager"]).stdout
        raise ContenderFailed(f"db2 stays on timeline {standby.strip()}, db1 is on {primary.strip()}\n{said}")
