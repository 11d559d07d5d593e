"""restic's works on the hosts whose files are backed up: check, and a snapshot of each tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from clmdeploy.backups import restic_output
from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.defects import Weight, defects_of
from clmdeploy.backups.engine import Progress
from clmdeploy.backups.host_files import files_on_host
from clmdeploy.backups.output import shown
from clmdeploy.backups.restic import Restic
from clmdeploy.backups.restic_order import FilesBackup, absolute
from clmdeploy.backups.work import Arguments, Asked, Found, OfPoint, Repeatable, WorkFailed, refuse_unsuccessful
from clmdeploy.model.bilingual import Bilingual, joined

TREE_OUTPUT = 256 * 1024  # bytes of a backup's output that are told whole: progress, and the summary at its end
_LINK = "symbolic link"


class _Trees(Asked):
    repository: str
    host: str
    paths: Annotated[tuple[str, ...], Field(min_length=1, max_length=200)]

    @property
    def engine(self) -> Restic:
        return files_on_host(self.repository, self.host)


class FilesCheck(Repeatable):
    """The repository answers, and every path is there: before 0.19 restic passes over what is not (#4467)."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Trees.model_validate(arguments)
        version, opening = asked.engine.preflight()
        looking = Command(("stat", "--printf=%F\\n", "--", *map(absolute, asked.paths)), 60, {"LC_ALL": "C"})
        return (version, looking, opening)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Trees.model_validate(arguments)
        refuse_unsuccessful(completed[0], asked.engine.ending(completed[0]), "restic")
        release = asked.engine.read_version(completed[0].stdout)
        grave = [one.words for one in defects_of("restic", release) if one.weight is Weight.REFUSE]
        if grave:
            raise WorkFailed(joined("; ", grave))
        _refuse_absent(completed[1])
        _refuse_links(asked.paths, completed[1].stdout.decode("ascii", "replace").splitlines())
        refuse_unsuccessful(completed[2], asked.engine.ending(completed[2]), "restic")
        return {"version": ".".join(map(str, release)), "paths": len(asked.paths)}


class _Snapshots(_Trees, OfPoint):
    @property
    def tag(self) -> str:
        return f"clm-point={self.point}"


class FilesBackupWork:
    """A snapshot of each path, one after the other: a run for each, so that each is one tree of its own.

    A snapshot that is found later, when no answer came, proves nothing: restic stores one also where it could not
    read all files (exit code 3). So what is found then is called partial, and is taken once more.
    """

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Snapshots.model_validate(arguments)
        orders = [FilesBackup((path,), (asked.tag,)) for path in asked.paths]
        runs = [replace(asked.engine.backup(one), shows='"message_type":"status"', keep=TREE_OUTPUT) for one in orders]
        return (*runs, asked.engine.listing(asked.tag))

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Snapshots.model_validate(arguments)
        trees = [self._tree(asked, path, one) for path, one in zip(asked.paths, completed, strict=False)]
        listing = completed[len(asked.paths)]
        refuse_unsuccessful(listing, asked.engine.ending(listing), "restic")
        listed = {one.id: one for one in asked.engine.read_listing(listing.stdout)}
        for tree in trees:
            snapshot = listed.get(tree["snapshot"])
            if snapshot is None or restic_output.left_out([tree["path"]], snapshot):
                raise WorkFailed(_unlisted(tree["path"]))
            tree["at"] = snapshot.time.isoformat()
        return {"trees": trees}

    def question(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _Snapshots.model_validate(arguments)
        return (asked.engine.listing(asked.tag),)

    def state(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        asked = _Snapshots.model_validate(arguments)
        refuse_unsuccessful(completed[0], asked.engine.ending(completed[0]), "restic")
        return {"state": "partial" if asked.engine.read_listing(completed[0].stdout) else "not-done"}

    def progress(self, arguments: Arguments, line: bytes) -> Progress | None:
        return _Trees.model_validate(arguments).engine.progress(line)

    def _tree(self, asked: _Snapshots, path: str, completed: Completed) -> Found:
        ending = asked.engine.ending(completed)
        faults = [one.words for one in restic_output.faults(completed.stderr)[:5]] if completed.code == 3 else []
        if faults:
            told = joined("; ", [ending.words, *faults])
            raise WorkFailed(told)
        refuse_unsuccessful(completed, ending, "restic")
        summary = restic_output.summary(completed.stdout)
        if summary.snapshot_id is None:
            raise WorkFailed(_unlisted(path))
        return {
            "path": path, "snapshot": summary.snapshot_id, "files": summary.total_files_processed,
            "bytes": summary.total_bytes_processed, "stored": summary.data_added_packed,
        }  # fmt: skip


def _refuse_absent(completed: Completed) -> None:
    if completed.code == 0 and not completed.late:
        return
    said = shown(completed.stderr.decode("utf-8", "replace").replace("stat: cannot statx ", "").strip())
    raise WorkFailed(
        Bilingual(f"what is to be backed up is not there: {said}", f"того, что нужно копировать, нет: {said}"),
        Bilingual(
            "put it there, or take it out of the release's `shared` or of backup.files.paths",
            "создайте, либо уберите из `shared` релиза или из backup.files.paths",
        ),
    )


def _refuse_links(paths: Sequence[str], kinds: Sequence[str]) -> None:
    links = [shown(path) for path, kind in zip(paths, kinds, strict=False) if kind == _LINK]
    if links:
        names = ", ".join(links)
        raise WorkFailed(
            Bilingual(f"a link, whose target would not be stored: {names}", f"ссылка, её цель не сохранится: {names}"),
            Bilingual("name its target in backup.files.paths", "укажите её цель в backup.files.paths"),
        )


def _unlisted(path: str) -> Bilingual:
    told = shown(path)
    return Bilingual(f"restic ended well, but has no snapshot of {told}", f"restic завершился, но снимка {told} нет")
