"""restic's works on the backup host that list what a host's repository holds, and drop what is said.

forget exits with 0 although it could not delete (#5233). So what was dropped is listed again, and compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.dropping import LISTING, NOTE, told, told_dropped
from clmdeploy.backups.host_files import JOBS, files_on_backup_host
from clmdeploy.backups.point import Holding
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, refuse_unsuccessful


class _Files(Asked):
    repository: str
    """its name in restore points: the host whose files it holds"""
    address: str
    authority: str = ""

    @property
    def engine(self) -> Restic:
        return files_on_backup_host(self.address, self.repository, self.authority)

    def listing(self) -> Command:
        return replace(self.engine.listing(), user=JOBS, keep=LISTING)

    def listed(self, completed: Completed) -> tuple[Listed, ...]:
        self.refuse_failed(completed)
        snapshots = self.engine.read_listing(completed.stdout)
        return tuple(Listed(holding=self.held(one.id), point=_tagged(one.tags)) for one in snapshots)

    def refuse_failed(self, completed: Completed) -> None:
        refuse_unsuccessful(completed, self.engine.ending(completed), "restic")

    def held(self, snapshot: str) -> Holding:
        return Holding(engine="restic", repository=self.repository, name=snapshot)


class FilesListing(Repeatable):
    """Every snapshot of one host's repository."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Files.model_validate(arguments).listing(),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        return told(arguments, _Files.model_validate(arguments).listed(completed[0]))


class _FilesDrop(_Files):
    snapshots: tuple[str, ...]


class FilesExpiry(Repeatable):
    """Drops snapshots by ID, and what only they needed. Stale locks go first: else each would wait half an hour."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _FilesDrop.model_validate(arguments)
        acts = (asked.engine.unlock(), *asked.engine.expire(asked.snapshots))
        return (*(replace(one, user=JOBS) for one in acts), asked.listing())

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """Raises WorkFailed where one of them is still listed."""
        asked = _FilesDrop.model_validate(arguments)
        for one in completed:
            asked.refuse_failed(one)
        present = {one.holding for one in asked.listed(completed[-1])}
        return told_dropped([asked.held(one) for one in asked.snapshots], present)

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_FilesDrop.model_validate(arguments).listing(),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """Never done: snapshots may be gone and their bytes not."""
        asked = _FilesDrop.model_validate(arguments)
        present = {one.holding.name for one in asked.listed(completed[0])}
        return {"state": "partial" if {*asked.snapshots} - present else "not-done"}


def _tagged(tags: Sequence[str]) -> str | None:
    return next((tag.removeprefix(f"{NOTE}=") for tag in tags if tag.startswith(f"{NOTE}=")), None)
