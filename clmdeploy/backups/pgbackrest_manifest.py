"""A pgBackRest `backup.manifest`, read as a stream: which stored object holds which bytes, with which SHA-1.

The format is an INI file whose values are JSON (src/info/manifest.c and src/common/ini.c of 2.55), its sections sorted,
its own SHA-1 at the end. A manifest of a million files is read without holding them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pydantic import TypeAdapter, ValidationError

from clmdeploy.backups.output import LINE_LIMIT, lines, shown, unintelligible
from clmdeploy.backups.pgbackrest_digest import InfoDigest
from clmdeploy.backups.pgbackrest_names import label
from clmdeploy.backups.pgbackrest_piece import Header, ListedFile, Piece
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import VerificationFailed

FORMAT = 5
_EXTENSIONS = {"none": "", "gz": ".gz", "lz4": ".lz4", "zst": ".zst", "bz2": ".bz2"}
_TRIES = 64  # places where a name may end: names may hold "=" themselves
_FILE = TypeAdapter(ListedFile)
_HEADER = TypeAdapter(Header)
_HEADER_SECTIONS = ("backup", "backup:db", "backup:option")


class ManifestReader:
    """Reads one manifest.

    `header` is known from the first piece on; only when `pieces` has ended is all of it believed.
    """

    def __init__(self, stanza: str, wanted: str) -> None:
        self._stanza, self._wanted = stanza, label(wanted)
        self._source = f"{stanza}/{wanted}/backup.manifest"
        self._told: dict[str, object] = {}
        self._header: Header | None = None
        self._digest = InfoDigest()

    @property
    def header(self) -> Header:
        """Raises Unintelligible while, or where, there is none."""
        if self._header is None:
            self._header = self._read_header()
        return self._header

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """Every stored file in order of their names; files that need no bytes are left out.

        Raises Unintelligible for what is no manifest, VerificationFailed where it is not the one that was written: its
        checksum or label differs, or its end is missing. What was yielded before that must be dropped.
        """
        expected = ""
        for section, key, value in self._entries(chunks):
            if section == "backrest":
                expected = self._frame(key, value) or expected
            elif section in _HEADER_SECTIONS and len(self._told) < 200:
                self._told[key] = value
            elif section == "target:file":
                piece = self._piece(key, value)
                if piece is not None:
                    yield piece
        if not expected or expected != self._digest.end():
            raise self._damaged("its checksum is missing or another", "её контрольная сумма отсутствует или другая")
        if self.header.label != self._wanted:
            raise self._damaged(f"it is that of {self.header.label}", f"она от копии {self.header.label}")

    def _entries(self, chunks: Iterable[bytes]) -> Iterator[tuple[str, str, object]]:
        section = b""
        for line in lines(chunks, self._source, LINE_LIMIT):
            if line.startswith(b"[") and line.endswith(b"]"):
                section = line[1:-1]
            elif line:
                name, raw, value = self._entry(line)
                if not section:
                    raise unintelligible(self._source, f"{shown(name)} stands outside of a section")
                if (section, name) != (b"backrest", b"backrest-checksum"):
                    self._digest.add(section, name, raw)
                yield section.decode("utf-8", "replace"), name.decode("utf-8", "surrogateescape"), value

    def _entry(self, line: bytes) -> tuple[bytes, bytes, object]:
        end = line.find(b"=")
        for _ in range(_TRIES):
            if end < 1:
                break
            try:
                return line[:end], line[end + 1 :], json.loads(line[end + 1 :].decode("utf-8", "surrogateescape"))
            except (ValueError, RecursionError):
                end = line.find(b"=", end + 1)
        # the value stays out: this file holds a passphrase too
        raise unintelligible(self._source, f"no key and value: {shown(line.partition(b'=')[0][:80])}")

    def _frame(self, key: str, value: object) -> str:
        if key == "backrest-format" and value != FORMAT:
            raise unintelligible(self._source, f"format {value}, where {FORMAT} is known")
        return value if key == "backrest-checksum" and isinstance(value, str) else ""

    def _read_header(self) -> Header:
        try:
            header = _HEADER.validate_python(self._told)
        except ValidationError as fault:
            raise unintelligible(self._source, _first(fault)) from None
        if header.compression not in _EXTENSIONS:
            raise unintelligible(self._source, f"compression {header.compression}")
        return header

    def _piece(self, name: str, value: object) -> Piece | None:
        header = self.header
        try:
            file = _FILE.validate_python(value)
        except ValidationError as fault:
            raise unintelligible(self._source, f"{name}: {_first(fault)}") from None
        if name.startswith("/") or ".." in name.split("/"):
            raise unintelligible(self._source, f"{name} leads out of the backup")
        if file.size == 0 and header.bundled:  # of these no bytes are stored
            return None
        owner = file.reference or header.label
        place = f"bundle/{file.bundle}" if file.bundle else name + self._extension(file)
        return Piece(
            key=f"backup/{self._stanza}/{owner}/{place}",
            owner=owner,
            file=name,
            offset=file.offset,
            length=file.size if file.stored is None else file.stored,
            sha1=file.stored_checksum or "",
            plain_size=file.size,
            plain_sha1=file.checksum or "",
            bundled=bool(file.bundle),
            block_incremental=bool(file.block_map),
            pages_sound=file.page_sound,
        )

    def _extension(self, file: ListedFile) -> str:
        return ".pgbi" if file.block_map else _EXTENSIONS[self.header.compression]

    def _damaged(self, en: str, ru: str) -> VerificationFailed:
        why = Bilingual(en, ru)
        return VerificationFailed(
            Bilingual(f"{self._source}: {why}", f"{self._source}: {russian(why)}"),
            Bilingual("Read its copy, backup.manifest.copy, instead", "Прочитайте вторую запись, backup.manifest.copy"),
        )


def _first(fault: ValidationError) -> str:
    error = fault.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in error['loc'])[:80]}: {error['msg']}"
