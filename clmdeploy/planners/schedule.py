"""The schedule on the backup host: how it gets there, and how it is taken away again. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clmdeploy.backups import schedule_layout as places
from clmdeploy.backups.arrangement import Arrangement, Directory, File, Link, Unit, User, text
from clmdeploy.backups.host_files import UNITS
from clmdeploy.backups.jobs import CHECK
from clmdeploy.backups.schedule_units import Units
from clmdeploy.changes.plan import Plan, Policy, Step, Target, TaskCall, Verdict
from clmdeploy.config.backup import Schedule
from clmdeploy.config.settings import Environment
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.hosts import Host
from clmdeploy.model.value import JsonValue, Value

_INSTALLING = 1800  # seconds: packages from a slow mirror, then from a package index
_TRYING = 900
_ENDING = 1200  # seconds that runs at work may take to end
_PACKAGES = ("python3-venv", "openssh-client")


class ScheduleFacts(Value):
    """The backup host as it is."""

    units: dict[str, dict[str, str]] = {}
    next: dict[str, float] = {}
    """timer → when it starts its job, in seconds since 1970"""
    ledgers: dict[str, JsonValue] = {}
    programs: tuple[str, ...] = ()
    """directories of those that are whole, the one proved last first"""
    python: str = ""
    missing: tuple[str, ...] = ()
    now: float = 0.0
    account: tuple[str, ...] = ()
    """what of packages, account and directories would be changed"""
    configuration: tuple[str, ...] = ()
    """what of files and units would be changed"""

    @property
    def is_installed(self) -> bool:
        return bool(self.units)


@dataclass(frozen=True)
class Program:
    """The clmdeploy that is to run there."""

    directory: str
    key: str
    size: int
    sha256: str
    offline: bool


@dataclass(frozen=True)
class Wanted:
    """How the backup host is to look."""

    host: Host
    units: Units
    files: Mapping[str, str]
    """path below the environment's directory → content"""
    keys: Mapping[str, str]
    """file below its secrets/ → the setting that refers to it"""
    program_file: str | None
    """the one of `files` that is run"""
    authority: str | None = None
    """certificates (PEM) that the storage's own is checked with; None: the host's"""

    @property
    def home(self) -> str:
        return home_of(self.units.environment)

    @property
    def metrics(self) -> str:
        return self.units.schedule.metrics

    def account(self) -> Arrangement:
        """What the program needs before it is there."""
        own = {"owner": places.USER, "group": places.USER}
        folders = [
            Directory(path=places.HOME, mode="0755", **own), Directory(path=places.LEDGERS, mode="0700", **own),
            Directory(path=places.METRICS, mode="0755", **own),
        ]  # fmt: skip
        return Arrangement(
            name="schedule-account", packages=_PACKAGES, users=(User(name=places.USER, home=places.HOME),),
            directories=tuple(folders),
        )  # fmt: skip

    def configuration(self, facts: ScheduleFacts) -> Arrangement:
        """Inventory, keys, units; units of jobs that are declared no more go."""
        texts = self.units.texts()
        stale = sorted(set(facts.units) - set(texts))
        return Arrangement(
            name="schedule", directories=(*self._directories(), *_ancestors(self.metrics, facts.missing)),
            files=(*self._files(), *(File(path=_unit_file(name), parts=text(body)) for name, body in texts.items())),
            units=(
                *(Unit(name=name, watches=(_unit_file(name),)) for name in self.units.timers),
                *(Unit(name=name, state="absent") for name in stale if name.endswith(".timer")),
            ),
            links=(Link(path=link_of(self.metrics), target=f"{places.METRICS}/{places.METRICS_FILE}"),),
            absent=tuple(_unit_file(name) for name in stale),
        )  # fmt: skip

    def secrets(self) -> dict[str, str]:
        """As the act `arrange` takes them."""
        return dict(self.keys)

    def _directories(self) -> Iterator[Directory]:
        below = {f"{self.home}/{name.rpartition('/')[0]}" for name in self.files if "/" in name}
        ancestors = {path[:end] for path in below for end in range(len(self.home) + 1, len(path)) if path[end] == "/"}
        for path in (
            places.SETTINGS,
            places.INVENTORIES,
            self.home,
            f"{self.home}/secrets",
            *sorted(below | ancestors),
        ):
            yield Directory(path=path, mode="0750", group=places.USER)

    def _files(self) -> Iterator[File]:
        for name, content in self.files.items():
            mode = "0750" if name == self.program_file else "0640"
            yield File(path=f"{self.home}/{name}", parts=text(content), mode=mode, group=places.USER)
        for name in self.keys:
            # A key of many lines keeps its own line end; one word gets none, and needs none.
            path = f"{self.home}/secrets/{name}"
            yield File(path=path, parts=({"secret": name},), mode="0400", owner=places.USER, group=places.USER)


def home_of(environment: str) -> str:
    """The environment's directory on the backup host."""
    return f"{places.INVENTORIES}/{environment}"


def link_of(metrics: str) -> str:
    """What the node exporter finds in its own directory."""
    return f"{metrics}/{places.METRICS_FILE}"


def plan_install(
    wanted: Wanted, program: Program, facts: ScheduleFacts, inputs: Mapping[str, str], settings: Environment
) -> Plan:
    """The plan; without steps where everything stands."""
    steps = tuple(_installing(wanted, program, facts))
    title = f"Install the schedule of {settings.name}"
    return _plan(settings, title, wanted.host, {**inputs, "program": program.sha256}, steps, _WAY_BACK)


def _installing(wanted: Wanted, program: Program, facts: ScheduleFacts) -> Iterator[Step]:
    new = program.directory not in facts.programs
    if facts.account:
        yield Step(
            id="account", stage="program", title=f"Make the account {places.USER}", action=TaskCall(act="arrange"),
            targets=(_target(wanted.host, wanted.account().arguments()),), undo="restore", timeout=_INSTALLING,
        )  # fmt: skip
    if new:
        archive: dict[str, JsonValue] = {
            "size": program.size, "sha256": program.sha256, "offline": program.offline,
        }  # fmt: skip
        arguments: dict[str, JsonValue] = {
            "directory": program.directory, "user": places.USER, "archive": archive,
            "authority": wanted.authority,
        }  # fmt: skip
        yield Step(
            id="program", stage="program", title=f"Install clmdeploy {program.directory}",
            action=TaskCall(act="program", arguments=arguments, fetch={"archive_url": program.key}),
            targets=(_target(wanted.host),), undo="restore", timeout=_INSTALLING,
        )  # fmt: skip
    if facts.configuration:
        yield Step(
            id="schedule", stage="schedule", title="Write inventory, keys, services and timers",
            action=TaskCall(act="arrange", secrets=wanted.secrets()), undo="restore", timeout=600,
            targets=(_target(wanted.host, wanted.configuration(facts).arguments()),),
        )  # fmt: skip
    if new or facts.account or facts.configuration:
        trial: dict[str, JsonValue] = {"unit": places.unit(CHECK, "service"), "directory": program.directory}
        yield Step(
            id="trial", stage="trial", title="Let it reach storage and hosts with its own keys", timeout=_TRYING,
            action=TaskCall(act="trial", arguments=trial), targets=(_target(wanted.host),), undo="nothing",
        )  # fmt: skip


def plan_removal(host: Host, facts: ScheduleFacts, inputs: Mapping[str, str], settings: Environment) -> Plan:
    """The plan; without steps where nothing is installed."""
    directories = (places.SETTINGS, places.HOME)
    schedule = settings.backup.schedule if settings.backup else None
    metrics = schedule.metrics if schedule else str(Schedule.model_fields["metrics"].default)
    arguments: dict[str, JsonValue] = {
        "directories": list(directories), "links": [link_of(metrics)], "user": places.USER,
    }  # fmt: skip
    step = Step(
        id="remove", stage="removal", title="Take timers, services, keys, inventory, ledgers and program away",
        action=TaskCall(act="schedule", arguments=arguments), targets=(_target(host),), undo="irreversible",
        timeout=_ENDING,
    )  # fmt: skip
    is_there = facts.is_installed or facts.programs or set(directories) - set(facts.missing)
    title = f"Remove the schedule of {settings.name}"
    return _plan(settings, title, host, inputs, (step,) if is_there else (), _NO_WAY_BACK)


def _plan(
    settings: Environment, title: str, host: Host, inputs: Mapping[str, str], steps: tuple[Step, ...], reason: Bilingual
) -> Plan:
    return Plan(
        kind="setup", environment=settings.name, environment_id=settings.uuid, application=settings.application,
        title=title, inputs=dict(inputs), hosts=(host,), steps=steps, policy=Policy(on_failure="take-back-all"),
        verdict=Verdict(kind="safe", reason=reason),
    )  # fmt: skip


_WAY_BACK = Bilingual(
    "files, units and program go back to what stood before; packages and the account stay",
    "файлы, службы и программа вернутся к прежним; пакеты и учётная запись останутся",
)
_NO_WAY_BACK = Bilingual(
    "`schedule install` brings it back; what its ledgers knew of past runs is gone",
    "вернуть можно командой `schedule install`; сведения о прошлых запусках пропадут",
)


def _target(host: Host, arguments: dict[str, JsonValue] | None = None) -> Target:
    return Target(host=host.name, subject=host.name, arguments=arguments or {})


def _unit_file(name: str) -> str:
    return f"{UNITS}/{name}"


def _ancestors(path: str, missing: tuple[str, ...]) -> Iterator[Directory]:
    """What of the metrics' directory has to be made; one that is there stays somebody else's."""
    for one in above(path):
        if one in missing:
            yield Directory(path=one, mode="0755")


def above(path: str) -> tuple[str, ...]:
    """`/a`, `/a/b`, ... up to `path` itself."""
    parts = path.strip("/").split("/")
    return tuple("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))
