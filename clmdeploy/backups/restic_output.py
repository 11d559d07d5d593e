"""What restic says with --json, as of 0.18 (doc/075_scripting.rst). Unknown messages and keys are of later versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from clmdeploy.backups.engine import Progress
from clmdeploy.backups.output import Told, Unintelligible, document, lines, shown, unintelligible

Count = Annotated[int, Field(ge=0, lt=2**63)]
SnapshotId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MOST_ERRORS = 1000


class Status(Told):
    """Of a running backup or restore; fields that are zero may be left out."""

    message_type: Literal["status"]
    total_files: Count = 0
    total_bytes: Count = 0
    files_done: Count = 0
    bytes_done: Count = 0
    files_restored: Count = 0
    bytes_restored: Count = 0
    bytes_skipped: Count = 0
    error_count: Count = 0

    @property
    def progress(self) -> Progress:
        done = self.bytes_done or self.bytes_restored + self.bytes_skipped
        return Progress(done, self.total_bytes, self.files_done or self.files_restored)


class _Cause(Told):
    message: str = ""


class Fault(Told):
    """One item that could not be read or written; from `check`, only a message."""

    message_type: Literal["error"]
    error: _Cause = _Cause()
    message: str = ""
    during: str = ""
    item: str = ""

    @property
    def is_advice(self) -> bool:
        """Whether it is no error, but what `check` says about them."""
        return self.message.strip().startswith(_ADVICE)

    @property
    def words(self) -> str:
        return shown(": ".join(part for part in (self.item, self.error.message or self.message) if part))


_ADVICE = ("The repository contains damaged pack", "restic repair", "Damaged pack files can be")


class ExitError(Told):
    """Why restic gave up."""

    message_type: Literal["exit_error"]
    code: int
    message: str = ""


class Summary(Told):
    """The last word of a backup, a restore or a check; what the others tell is left at its default."""

    message_type: Literal["summary"]
    snapshot_id: SnapshotId | None = None
    data_added: Count = 0
    data_added_packed: Count = 0
    total_files_processed: Count = 0
    total_bytes_processed: Count = 0
    total_files: Count = 0
    files_restored: Count = 0
    files_deleted: Count = 0
    total_bytes: Count = 0
    bytes_restored: Count = 0
    num_errors: Count | None = None
    broken_packs: tuple[str, ...] | None = None


class _Head(Told):
    message_type: str = ""


Message = Status | Fault | ExitError | Summary
_HEAD = TypeAdapter(_Head)
_KINDS: dict[str, TypeAdapter[Message]] = {
    "status": TypeAdapter(Status),
    "error": TypeAdapter(Fault),
    "exit_error": TypeAdapter(ExitError),
    "summary": TypeAdapter(Summary),
}


class _SnapshotSummary(Told):
    total_files_processed: Count = 0
    total_bytes_processed: Count = 0
    data_added_packed: Count = 0


class Snapshot(Told):
    """One snapshot. Its paths have lost what was no UTF-8: compare them with `paths_as_told`."""

    id: SnapshotId
    time: Annotated[datetime, Field(strict=False)]
    tree: SnapshotId
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    tags: tuple[str, ...] = ()
    program_version: str = ""
    parent: SnapshotId | None = None
    summary: _SnapshotSummary | None = None


class Statistics(Told):
    """In `raw-data` mode `total_size` is what the repository takes."""

    total_size: Count
    total_file_count: Count = 0
    snapshots_count: Count = 0


_SNAPSHOTS = TypeAdapter(tuple[Snapshot, ...])
_STATISTICS = TypeAdapter(Statistics)


def message(raw: bytes) -> Message | None:
    """One line of output; None for empty ones and for kinds that are not known.

    Raises Unintelligible for what is no message.
    """
    if not raw.strip():
        return None
    kind = document(_HEAD, raw, "restic").message_type
    adapter = _KINDS.get(kind)
    return document(adapter, raw, f"restic: {kind}") if adapter is not None else None


def messages(chunks: Iterable[bytes], trusted: bool = True) -> Iterator[Message]:
    """All messages of a stream.

    On standard error (`trusted=False`) plain text stands between them and is passed over.
    """
    for raw in lines(chunks, "restic"):
        if not trusted and not raw.lstrip().startswith(b"{"):
            continue
        told = message(raw)
        if told is not None:
            yield told


def summary(said: bytes) -> Summary:
    """The summary of a finished command. Raises Unintelligible where there is none, or more than one."""
    found = [told for told in messages([said]) if isinstance(told, Summary)]
    if len(found) != 1:
        raise unintelligible("restic", f"{len(found)} summaries")
    return found[0]


def faults(stderr: bytes) -> tuple[Fault, ...]:
    """Items that went wrong, the first thousand."""
    found = []
    for told in messages([stderr], trusted=False):
        if isinstance(told, Fault):
            found.append(told)
        if len(found) == MOST_ERRORS:
            break
    return tuple(found)


def snapshots(said: bytes) -> tuple[Snapshot, ...]:
    """Oldest first. Raises Unintelligible."""
    told = document(_SNAPSHOTS, said, "restic snapshots")
    return tuple(sorted(told, key=lambda one: (one.time, one.id)))


def statistics(said: bytes) -> Statistics:
    return document(_STATISTICS, said, "restic stats")


def paths_as_told(paths: Iterable[str]) -> tuple[str, ...]:
    """As restic's JSON has them: each byte that is no UTF-8 becomes U+FFFD."""
    return tuple("".join("\ufffd" if "\udc80" <= char <= "\udcff" else char for char in path) for path in paths)


def left_out(ordered: Iterable[str], snapshot: Snapshot) -> tuple[str, ...]:
    """Paths that were ordered and are not in the snapshot: before 0.19 restic skips what does not exist, with exit
    code 0.
    """
    return tuple(sorted(set(paths_as_told(ordered)) - set(snapshot.paths)))


class _FoundBlob(Told):
    object_type: str = Field(alias="objectType")
    snapshot: SnapshotId


_FOUND = TypeAdapter(tuple[_FoundBlob, ...])


def snapshots_of_data(said: bytes) -> tuple[str, ...]:
    """IDs of the snapshots that need a pack, by `find --pack`; empty where that is not known for sure.

    A pack has either data or trees, and root trees are not looked for: so only what has data is answered in full.
    """
    try:
        found = document(_FOUND, said.strip() or b"[]", "restic find")
    except Unintelligible:
        return ()
    if not found or any(one.object_type != "blob" for one in found):
        return ()
    return tuple(sorted({one.snapshot for one in found}))
