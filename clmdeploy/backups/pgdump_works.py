"""Works on the dumps in the backup storage, by rclone on the backup host: list, remove, let another host read.

A dump is a folder: restic/HOST/pgdump/POINT/. Hosts write into their own through the gateway, which removes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from clmdeploy.backups.command import Command, Completed
from clmdeploy.backups.dropping import LISTING, told, told_dropped
from clmdeploy.backups.engine import Ending, Outcome, plain_ending
from clmdeploy.backups.host_files import FILES_SECRETS, JOBS
from clmdeploy.backups.output import lines, shown
from clmdeploy.backups.point import Holding, is_point_id
from clmdeploy.backups.repositories import Listed
from clmdeploy.backups.work import Arguments, Asked, Found, Repeatable, Work, refuse_unsuccessful
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.value import JsonValue

PROGRAM = "/usr/local/bin/rclone"
HOUR = 3600.0
_ABSENT = re.compile(rb"directory not found")


class _Store(Asked):
    endpoint: str
    region: str
    path_style: bool
    authority: str = ""
    place: str
    """bucket and prefix of the hosts' folders"""


class _Dumps(Asked):
    store: _Store
    repository: str
    """the host whose dumps they are"""

    def folder(self, host: str = "", label: str = "") -> str:
        return "/".join(one for one in (f"store:{self.store.place}", host or self.repository, "pgdump", label) if one)

    def command(self, *words: str, keep: int = 65536, timeout: float = HOUR) -> Command:
        store, prefix = self.store, "RCLONE_CONFIG_STORE_"
        environment = {
            "RCLONE_CONFIG": "/dev/null", f"{prefix}TYPE": "s3", f"{prefix}PROVIDER": "Other",
            f"{prefix}ENV_AUTH": "true", f"{prefix}ENDPOINT": store.endpoint, f"{prefix}REGION": store.region,
            f"{prefix}FORCE_PATH_STYLE": str(store.path_style).lower(), f"{prefix}NO_CHECK_BUCKET": "true",
            **({"RCLONE_CA_CERT": store.authority} if store.authority else {}),
        }  # fmt: skip
        return Command((PROGRAM, *words), timeout, environment, FILES_SECRETS, user=JOBS, keep=keep)

    def listing(self) -> Command:
        return self.command("lsf", "--dirs-only", self.folder(), keep=LISTING)

    def listed(self, completed: Completed) -> tuple[Listed, ...]:
        """A folder that nothing was ever put into is none."""
        if completed.code != 0 and _ABSENT.search(completed.stderr):
            return ()
        refuse(completed)
        names = [line.decode("utf-8", "replace").rstrip("/\r\n") for line in lines([completed.stdout], "rclone lsf")]
        return tuple(Listed(holding=self.held(name), point=name) for name in names if is_point_id(name))

    def held(self, label: str) -> Holding:
        return Holding(engine="pgdump", repository=self.repository, name=label)


class DumpListing(Repeatable):
    """Every dump of one host, those that were cut off too."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        return (_Dumps.model_validate(arguments).listing(),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        return told(arguments, _Dumps.model_validate(arguments).listed(completed[0]))


class _DumpsDrop(_Dumps):
    labels: tuple[str, ...]


class DumpExpiry(Repeatable):
    """Removes dumps, and looks whether they are gone. `purge` would touch older versions, which nobody here may."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _DumpsDrop.model_validate(arguments)
        drops = (asked.command("delete", asked.folder(label=one)) for one in asked.labels)
        return (*drops, asked.listing())

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        """Raises WorkFailed where one of them is still listed."""
        asked = _DumpsDrop.model_validate(arguments)
        for one in completed[:-1]:
            if not _ABSENT.search(one.stderr):
                refuse(one)
        present = {one.holding for one in asked.listed(completed[-1])}
        return told_dropped([asked.held(one) for one in asked.labels], present)


def manifest_command(store: JsonValue, host: str, dump: str, name: str) -> Command:
    """Says one object of a dump, as the jobs on the backup host read it."""
    asked = _Dumps.model_validate({"store": store, "repository": host})
    return asked.command("cat", f"{asked.folder(label=dump)}/{name}", keep=LISTING)


class _DumpCopy(_Dumps):
    label: str
    to: str


class DumpCarry(Repeatable):
    """Copies a dump, inside the storage, into the folder of another host: that of a primary which did not make it."""

    def commands(self, arguments: Arguments) -> tuple[Command, ...]:
        asked = _DumpCopy.model_validate(arguments)
        return (asked.command("copy", asked.folder(label=asked.label), asked.folder(asked.to, asked.label)),)

    def read(self, arguments: Arguments, completed: Sequence[Completed]) -> Found:
        refuse(completed[0])
        return {"copied": _DumpCopy.model_validate(arguments).label}


def refuse(completed: Completed) -> None:
    """Raises WorkFailed unless rclone ended well."""
    ending = plain_ending(completed.code)
    if ending is None:
        said = shown(completed.stderr.strip().rsplit(b"\n", 1)[-1])
        words = Bilingual(
            f"rclone ended with {completed.code}: {said}", f"код завершения rclone {completed.code}: {said}"
        )
        ending = Ending(Outcome.FAILED, words)
    refuse_unsuccessful(completed, ending, "rclone")


WORKS: Mapping[str, Work] = {
    "pgdump-list": DumpListing(),
    "pgdump-expire": DumpExpiry(),
    "pgdump-carry": DumpCarry(),
}
