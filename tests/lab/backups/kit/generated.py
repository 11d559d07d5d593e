"""The generated set: a database and a tree with everything odd in them, where restore points of the lab have them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.lab.backups.kit import wreckers
from tests.lab.backups.kit.database import Database, database_differences
from tests.lab.backups.kit.database import Digest as Rows
from tests.lab.backups.kit.tree import Digest as Files
from tests.lab.backups.kit.tree import TreeSize, digest_tree, make_tree, on, storm, tree_differences
from tests.lab.fleet import Fleet

CONTENT = "/opt/clm/shared/content"
TREE = f"{CONTENT}/kit"


@dataclass(frozen=True)
class State:
    """All that a restore must bring back: the whole database, and all content, what the release put there included."""

    rows: Rows
    files: Files


@dataclass(frozen=True)
class GeneratedSet:
    """Lies in the database `clm` and below the content of the worker. Who writes is stopped while it is looked at."""

    fleet: Fleet

    @property
    def database(self) -> Database:
        return Database(self.fleet.lab.host("db1"))

    def make(self, tree: TreeSize, database_bytes: int) -> None:
        """Fill both, and stop who writes by itself."""
        self.remove()
        self.database.fill(database_bytes)
        make_tree(on(self.worker), TREE, tree)

    def remove(self) -> None:
        """Both; nothing of it need be there. Who writes is stopped."""
        self.worker.run(("systemctl", "stop", "clm-worker"), check=False)
        if self.database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'kit'").strip():
            wreckers.drop_tables(self.database)
        wreckers.remove_tree(self.worker, TREE)

    def leave(self) -> None:
        """Nothing of it stays, and who was stopped runs again, whether a restore had stopped it or not."""
        self.remove()
        self.fleet.clmdeploy("restore", "--start-workers", "-e", "lab", "--yes").expecting(0)
        self.worker.run(("systemctl", "start", "clm-worker"))

    @property
    def worker(self) -> Any:
        """The host that has the content."""
        return self.fleet.lab.host("worker1")

    def state(self) -> State:
        return State(self.database.digest(), digest_tree(on(self.worker), CONTENT))

    def differences(self, before: State) -> list[str]:
        """What is not as it was, a sentence each."""
        now = self.state()
        return [*database_differences(before.rows, now.rows), *tree_differences(before.files, now.files)]

    def harm(self) -> None:
        """A little of everything; it can be done twice."""
        wreckers.forget_where(self.database)
        self.worker.run(("sh", "-c", _HARM, "sh", TREE))

    def wreck(self) -> None:
        """Every table gone, and a fifth of all files and directories harmed, each in another way."""
        wreckers.drop_tables(self.database)
        storm(on(self.worker), TREE)

    def lose(self) -> None:
        """The whole cluster and the whole tree."""
        wreckers.delete_data_directory(self.fleet.lab.host("db1"))
        wreckers.remove_tree(self.worker, TREE)

    def point(self, *words: str) -> dict[str, Any]:
        """A restore point of what is there; its manifest."""
        told = self.fleet.clmdeploy("backup", "create", "-e", "lab", "--yes", "--json", *words).expecting(0).json
        shown = self.fleet.clmdeploy("backup", "show", told["point"], "-e", "lab", "--json").expecting(0).json
        manifest: dict[str, Any] = json.loads(json.dumps(shown["point"]))
        return manifest


_HARM = r"""
cd "$1" && rm -rf links hard empty names/plain && mkdir -p names && echo rubbish > names/extra &&
chmod 777 modes owners && chown -R 4711 small && touch sparse && truncate -s 1 big/00.bin
"""
