"""The outbox of one environment: a directory of this account on this machine, closed to all others."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from clmdeploy.model.errors import InvalidInput
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import MOST_KEPT, Kept

MOST_TOLD = 500
_LARGEST = 1024 * 1024
_ID = re.compile(r"[0-9a-f]{8,64}")


class DirectoryOutbox:
    """Implements the Outbox port. Directory 0700, files 0600; a file that can't be understood is removed."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @contextmanager
    def mine(self) -> Iterator[bool]:
        if not self.place.is_dir():
            yield False  # nothing was ever kept: nothing is made for that
            return
        with self._told_as_invalid():
            descriptor = os.open(self.place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _locked(descriptor)
        finally:
            os.close(descriptor)

    def keep(self, kept: Kept) -> Sequence[Notice]:
        self._write(f"kept-{_checked(kept.notice.id)}.json", kept.model_dump_json().encode())
        with self._told_as_invalid():
            surplus = self._files()[:-MOST_KEPT]
            gone = [self._read(path) for path in surplus]
            for path in surplus:
                path.unlink(missing_ok=True)
        return [one.notice for one in gone if one is not None]

    def drop(self, notice: str) -> None:
        with self._told_as_invalid():
            (self.place / f"kept-{_checked(notice)}.json").unlink(missing_ok=True)

    def kept(self) -> Sequence[Kept]:
        with self._told_as_invalid():
            found = [self._read(path) for path in self._files()]
        return sorted((one for one in found if one is not None), key=lambda one: one.since)

    def was_told(self, key: str) -> bool:
        return key in self._told()

    def remember(self, key: str) -> None:
        told = [*(one for one in self._told() if one != key), key]
        self._write("told.json", json.dumps(told[-MOST_TOLD:]).encode())

    def forget(self, key: str) -> None:
        self._write("told.json", json.dumps([one for one in self._told() if one != key]).encode())

    def _told(self) -> list[str]:
        path = self.place / "told.json"
        with self._told_as_invalid():
            if not path.exists():
                return []
            try:
                return [str(one) for one in json.loads(_bytes_of(path))]
            except ValueError:
                path.unlink()
                return []

    def _files(self) -> list[Path]:
        """Oldest first."""
        aged = []
        for path in self.place.glob("kept-*.json"):
            try:
                aged.append((path.stat().st_mtime, path))
            except FileNotFoundError:  # handed over by somebody else meanwhile
                continue
        return [path for _, path in sorted(aged)]

    def _read(self, path: Path) -> Kept | None:
        try:
            return Kept.model_validate_json(_bytes_of(path))
        except FileNotFoundError:
            return None
        except ValidationError:
            path.unlink(missing_ok=True)
            return None

    def _write(self, name: str, content: bytes) -> None:
        """Whole or not at all."""
        with self._told_as_invalid():
            self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(dir=self.place, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                os.replace(beside, self.place / name)
            except OSError:
                os.unlink(beside)
                raise

    @contextmanager
    def _told_as_invalid(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InvalidInput(
                f"{self.place}: can't be used to keep notices: {error.strerror or error}",
                "set XDG_STATE_HOME to a directory of this account",
            ) from error


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _checked(notice: str) -> str:
    if not _ID.fullmatch(notice):
        raise InvalidInput(f"{notice[:80]!r} is no notice's ID")
    return notice
