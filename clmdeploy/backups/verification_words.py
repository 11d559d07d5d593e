"""What verification says of stored objects, log and points."""

from __future__ import annotations

from datetime import datetime

from clmdeploy.model.bilingual import Bilingual, russian

READ_ANEW = Bilingual(
    "verify everything anew: clmdeploy backup verify --all", "проверьте всё заново: clmdeploy backup verify --all"
)


def no_ledger(source: str, cause: str) -> Bilingual:
    return Bilingual(
        f"{source} is no ledger of verification: {cause}", f"{source} — не журнал проверок: {russian(cause)}"
    )


def cut_short(read: int, size: int) -> Bilingual:
    return Bilingual(f"{read} of {size} bytes could be read", f"прочитано {read} байт из {size}")


def other_size(read: int, expected: int) -> Bilingual:
    return Bilingual(f"has {read} bytes, not {expected}", f"имеет {read} байт, а не {expected}")


def other_content(found: str, expected: str) -> Bilingual:
    return Bilingual(
        f"its SHA-256 is {found[:16]}…, not {expected[:16]}…", f"SHA-256 — {found[:16]}…, а не {expected[:16]}…"
    )


def exchanged(when: datetime) -> Bilingual:
    at = when.isoformat(timespec="minutes")
    return Bilingual(f"its content is another than at {at}", f"содержимое не то, что было в {at}")


def gone(seen: datetime | None) -> Bilingual:
    if seen is None:
        return Bilingual("is not there", "отсутствует")
    at = seen.isoformat(timespec="minutes")
    return Bilingual(f"is not there; it was at {at}", f"отсутствует; в {at} был на месте")


def part_spoiled(holding: str, key: str, cause: str) -> Bilingual:
    return Bilingual(f"{holding}: {key}: {cause}", f"{holding}: {key}: {russian(cause)}")


def log_lacks(gap: str) -> Bilingual:
    return Bilingual(f"log that it needs is missing: {gap}", f"нет нужного ей журнала WAL: {gap}")


def log_damaged(segment: str, cause: str) -> Bilingual:
    return Bilingual(f"log that it needs: {segment}: {cause}", f"нужный ей журнал WAL: {segment}: {russian(cause)}")


def history_damaged(timeline: int, key: str, cause: str) -> Bilingual:
    """Without it PostgreSQL knows no such timeline."""
    return Bilingual(
        f"the history of its timeline {timeline}: {key}: {cause}",
        f"история её линии времени {timeline}: {key}: {russian(cause)}",
    )


def two_of_one(other: str) -> Bilingual:
    """pgBackRest refuses both."""
    return Bilingual(
        f"there is another object with other content for this segment, so pgBackRest takes neither: {other}",
        f"для этого сегмента есть и другой объект с другим содержимым, pgBackRest не примет ни одного: {other}",
    )


def ledger_too_large(key: str, size: int) -> Bilingual:
    return Bilingual(f"{key} would be {size} bytes: too large", f"{key}: {size} байт — слишком много")


def piece(offset: str, length: str, count: str) -> Bilingual:
    """Of an object that holds many files of the database."""
    return Bilingual(
        f"{count} of the files in it are not what was stored, the first at byte {offset} ({length} bytes)",
        f"файлов в нём, которые не такие, как были сохранены: {count}, первый с байта {offset} ({length} байт)",
    )


def unreadable(why: str) -> Bilingual:
    return Bilingual(f"the storage does not give it: {why}", f"хранилище его не отдаёт: {why}")


def not_unpacked(why: str) -> Bilingual:
    return Bilingual(f"it can't be decrypted or unpacked: {why}", f"не расшифровывается или не распаковывается: {why}")


def other_log(found: str, expected: str) -> Bilingual:
    return Bilingual(
        f"its content has SHA-1 {found[:16]}…, not {expected[:16]}…",
        f"SHA-1 содержимого — {found[:16]}…, а не {expected[:16]}…",
    )


def no_segment(size: int) -> Bilingual:
    return Bilingual(f"{size} bytes are no segment of log", f"{size} байт — не сегмент журнала WAL")


GONE = Bilingual("it was listed, but it is not there", "есть в списке, но самого объекта нет")
NO_MANIFEST = Bilingual("neither its manifest nor the copy of it can be read", "не читается ни манифест, ни его копия")
BROKEN_PAGES = Bilingual(
    "pages of the database were damaged before they were backed up",
    "страницы базы были повреждены ещё до копирования",
)
NOT_LISTED = Bilingual(
    "backup.info does not list this backup, so pgBackRest can't restore it",
    "в backup.info этой копии нет, поэтому pgBackRest не может её восстановить",
)
OTHER_CHECKSUM = Bilingual("its own checksum is missing or another", "его контрольная сумма отсутствует или другая")
GO_ON = Bilingual(
    "what was read is kept; once the storage answers, run the same command again",
    "прочитанное сохранено; когда хранилище ответит, повторите команду",
)
