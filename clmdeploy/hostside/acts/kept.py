"""What stood before a change arranged something: kept before anything is written, put back when it is taken back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil

from . import places
from .call import ActError, Json
from .record import replace_file

FOLDER = "/var/lib/clmdeploy/arranged"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,120}", re.ASCII)


class Kept:
    """The state before, of one act of one change. Root alone reads it: secrets may be among it."""

    def __init__(self, change: str, name: str) -> None:
        if not (_NAME.fullmatch(change) and _NAME.fullmatch(name)):
            raise ActError(f"{change!r}/{name!r} is no place to keep anything")
        self._folder = os.path.join(FOLDER, change, name)
        self._index = os.path.join(self._folder, "index.json")
        self.paths: dict[str, Json] = {}
        self.units: dict[str, Json] = {}
        with contextlib.suppress(FileNotFoundError), open(self._index, encoding="utf-8") as file:
            known = json.load(file)
            self.paths, self.units = known["paths"], known["units"]

    def path(self, path: str, wrote: str = "") -> None:
        """Before `path` is touched. `wrote`: digest of what will stand there. What was kept first stays."""
        entry = self.paths.get(path)
        if entry is None:
            before = places.look(path)
            entry = {"before": before._asdict() if before else None, "copy": str(len(self.paths))}
            if before and before.kind == "file":
                self._begin()
                replace_file(os.path.join(self._folder, entry["copy"]), places.read(path), 0o600)
        self.paths[path] = {**entry, "wrote": wrote}
        self._save()

    def unit(self, name: str, state: Json) -> None:
        """Before the unit is touched."""
        if name not in self.units:
            self.units[name] = {"before": state, "settled": False}
            self._save()

    def settled(self, name: str) -> None:
        """The unit runs with all that this act wrote."""
        self.units[name]["settled"] = True
        self._save()

    def is_changed(self, path: str) -> bool:
        """Whether this act gave it other content, ownership or mode."""
        return path in self.paths

    def wrote(self, path: str) -> str:
        """Digest of what this act wrote there; empty for nothing."""
        return str(self.paths.get(path, {}).get("wrote", ""))

    def put_back(self, path: str) -> str:
        """Put back what stood there, unless somebody else has written since: then nothing is done, and that is said."""
        entry = self.paths[path]
        before, now = entry["before"], places.look(path)
        if now is not None and now.kind == "file" and not self._is_ours(entry, now):
            return f"{path}: somebody else has changed it since: left as it is"
        if before is None:
            return "" if places.remove(path) else f"{path}: not empty, so it stays"
        self._restore(path, entry)
        return ""

    def _is_ours(self, entry: Json, now: places.State) -> bool:
        known = {entry["wrote"], (entry["before"] or {}).get("content")}
        return now.content in known

    def _restore(self, path: str, entry: Json) -> None:
        before = places.State(**entry["before"])
        if before.kind == "directory":
            places.make_directory(path, before.mode, before.uid, before.gid)
        elif before.kind == "link":
            places.link(path, before.content)
        elif before.kind == "file":
            with open(os.path.join(self._folder, entry["copy"]), "rb") as file:
                places.write(path, file.read(), before.mode, before.uid, before.gid)

    def _save(self) -> None:
        self._begin()
        content = json.dumps({"paths": self.paths, "units": self.units}, sort_keys=True).encode()
        replace_file(self._index, content, 0o600)

    def _begin(self) -> None:
        """The first that a change keeps: what earlier ones kept can't be asked for any more."""
        if os.path.isdir(self._folder):
            return
        own = os.path.dirname(self._folder)
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        for other in os.listdir(FOLDER):
            if other != os.path.basename(own):
                shutil.rmtree(os.path.join(FOLDER, other))
        os.makedirs(self._folder, mode=0o700)
        os.chmod(own, 0o700)
