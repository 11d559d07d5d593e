"""What `pgbackrest verify` says. Its exit code is 0 whatever it finds (#2502), so its text is judged, strictly.

It overlooks what `verification` must find itself: WAL that is missing between segments, and backups that are made of
another one's damaged bundle or block increment (src/command/verify/verify.c of 2.55).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clmdeploy.backups.command import Completed
from clmdeploy.backups.engine import Finding
from clmdeploy.backups.output import DOCUMENT_LIMIT, lines, shown, too_large, unintelligible
from clmdeploy.backups.pgbackrest_log import read_line
from clmdeploy.model.bilingual import Bilingual

SOURCE = "pgbackrest verify"
MOST_FINDINGS = 10_000
_HEAD = re.compile(r"stanza: (\S+)")
_STATUS = re.compile(r"status: (ok|error)")
_BACKUP = re.compile(
    r"  backup: (\S+), status: (valid|invalid|manifest missing|in-progress), "
    r"total files checked: (\d{1,12}), total valid files: (\d{1,12})"
)
_ARCHIVE = re.compile(r"  archiveId: (\S+), total WAL checked: (\d{1,12}), total valid WAL: (\d{1,12})")
_NOTHING = re.compile(r" {2,4}(?:archiveId: none found|backup: none found|no archives or backups exist in the repo)")
_COUNTS = re.compile(r"    (?:(?:missing|checksum invalid|size invalid|other): \d{1,12}(?:, )?)+")
_FILE = re.compile(
    r"(invalid checksum|file missing|invalid size|invalid result):? '?(.+?)'?(?:: \[\d+\] .*)?", re.DOTALL
)
_OF_BACKUP = re.compile(r"(\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?)/", re.ASCII)
_REASONS = {
    "invalid checksum": Bilingual("the checksum differs", "контрольная сумма не совпадает"),
    "file missing": Bilingual("the object is missing", "объект отсутствует"),
    "invalid size": Bilingual("the size differs", "размер не совпадает"),
    "invalid result": Bilingual("the object can't be read", "объект не читается"),
}


@dataclass(frozen=True)
class Checked:
    """One backup or WAL archive, and how many of its files were sound."""

    name: str
    state: str
    checked: int
    valid: int


@dataclass(frozen=True)
class Verified:
    """The whole report. `remarks` are lines that say what is wrong with the repository as a whole."""

    stanza: str
    said_ok: bool
    backups: tuple[Checked, ...]
    archives: tuple[Checked, ...]
    remarks: tuple[str, ...]


def read_report(said: bytes) -> Verified:
    """From standard output with `--output=text --verbose`.

    Raises Unintelligible, also for silence: that is no all-clear.
    """
    if len(said) > DOCUMENT_LIMIT:
        raise too_large(SOURCE, DOCUMENT_LIMIT)
    text = [line.decode("utf-8", "replace").rstrip() for line in lines([said], SOURCE)]
    head, status = _HEAD.fullmatch(text[0] if text else ""), _STATUS.fullmatch(text[1] if len(text) > 1 else "")
    if head is None or status is None:
        raise unintelligible(SOURCE, "stanza and status are not told" if text else "nothing was said")
    backups, archives, remarks = [], [], []
    for line in text[2:]:
        if match := _BACKUP.fullmatch(line):
            backups.append(Checked(match[1], match[2], int(match[3]), int(match[4])))
        elif match := _ARCHIVE.fullmatch(line):
            archives.append(Checked(match[1], "archive", int(match[2]), int(match[3])))
        elif line.strip() and not _COUNTS.fullmatch(line) and not _NOTHING.fullmatch(line):
            remarks.append(shown(line.strip()))
    return Verified(head[1], status[1] == "ok", tuple(backups), tuple(archives), tuple(remarks))


def findings(completed: Completed) -> tuple[Finding, ...]:
    """Everything that report and log name as wrong. Raises Unintelligible where the report is none."""
    report = read_report(completed.stdout)
    found = [*_of_report(report), *_of_log(completed.stderr)]
    if not report.said_ok and not found:
        found.append(
            Finding(
                Bilingual("pgBackRest found errors that it does not name", "pgBackRest нашёл ошибки, но не назвал их")
            )
        )
    return tuple(found)


def _of_report(report: Verified) -> list[Finding]:
    found = [Finding(Bilingual(remark, remark)) for remark in report.remarks]
    for backup in report.backups:
        if backup.state == "in-progress":
            continue
        if backup.state != "valid" or backup.valid != backup.checked:
            words = f"{backup.checked - backup.valid}/{backup.checked}"
            found.append(
                Finding(Bilingual(f"{backup.state}: {words} files", f"{backup.state}: {words} файлов"), backup.name)
            )
    for archive in report.archives:
        if archive.valid != archive.checked:
            words = f"{archive.checked - archive.valid}/{archive.checked}"
            found.append(
                Finding(
                    Bilingual(f"WAL: {words} segments spoiled", f"WAL: испорчено сегментов {words}"), "", archive.name
                )
            )
    return found


def _of_log(said: bytes) -> list[Finding]:
    found: list[Finding] = []
    for raw in lines([said], SOURCE):
        line = read_line(raw)
        match = _FILE.fullmatch(line.message) if line and line.level in ("INFO", "WARN") else None
        if match:
            item = shown(match[2])
            owner = _OF_BACKUP.match(item)
            found.append(Finding(_REASONS[match[1]], owner[1] if owner else "", item))
        if len(found) == MOST_FINDINGS:
            break
    return found
