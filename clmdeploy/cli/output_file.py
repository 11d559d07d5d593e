"""Files that commands write: there whole or not at all, and readable by their owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput


@contextmanager
def appearing(path: Path) -> Iterator[BinaryIO]:
    """A file to write; when the block ends well it replaces `path`, durably, with mode 0600. Raises OSError.

    What is no file (/dev/null, a pipe) is written to as it stands: replacing it would be a disaster.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
        return
    descriptor, beside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:  # whatever ended it, Ctrl-C too: nothing half-written stays
        os.unlink(beside)
        raise


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """The same for a file that somebody asked for. Raises InvalidInput when it can't be written."""
    try:
        with appearing(path) as file:
            yield file
    except OSError as error:
        cause = error.strerror or error
        raise InvalidInput(
            Bilingual(f"{path}: can't be written: {cause}", f"{path}: не записывается: {cause}"),
            Bilingual("check room and rights", "проверьте свободное место и права"),
        ) from error
