"""The schedule on the backup host: as it is, as it is to be, and what its ledgers say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from clmdeploy.backups import schedule_layout as places
from clmdeploy.backups.jobs import jobs_of
from clmdeploy.backups.run_ledger import RunLedger
from clmdeploy.backups.schedule_units import Units
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.backup_hosts import parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.files import read_text
from clmdeploy.config.scheduled_inventory import inventory_files, key_settings, program_file, schedule_of
from clmdeploy.model.bilingual import Bilingual, russian
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.schedule import ScheduleFacts, Wanted, above, home_of

TIMEOUT = 60
_LARGEST_AUTHORITY = 1024 * 1024


@dataclass(frozen=True)
class ScheduleAsking:
    """What is asked with."""

    environment: LoadedEnvironment
    hosts: Performer
    secret: Callable[[str], Secret]

    @property
    def host(self) -> Host:
        return parties(self.environment).backup

    def wanted(self, program: str) -> Wanted:
        """As clm.yml declares it. `program`: directory of the installation. Raises UsageError without a schedule."""
        schedule, name = schedule_of(self.environment), self.environment.name
        authority = self.environment.ca_file
        return Wanted(
            host=self.host, units=Units(name, schedule, jobs_of(schedule), program),
            files=inventory_files(self.environment, home_of(name)), keys=key_settings(self.environment),
            program_file=program_file(self.environment),
            authority=read_text(authority, _LARGEST_AUTHORITY) if authority else None,
        )  # fmt: skip

    def found(self) -> ScheduleFacts:
        """As it stands. Raises HostUnreachable when the backup host can't be asked."""
        backup = self.environment.settings.backup
        metrics = backup.schedule.metrics if backup and backup.schedule else None
        paths = [*(above(metrics) if metrics else ()), places.SETTINGS, places.HOME, places.PROGRAMS]
        told = self._ask("schedule", {"ledgers": places.LEDGERS, "paths": paths}).result
        return ScheduleFacts.model_validate({key: told[key] for key in _TOLD})

    def compared(self, wanted: Wanted, *, keys: bool = True) -> ScheduleFacts:
        """The same, with what differs from what is wanted. `keys`: compare these too, which takes having them."""
        facts = self.found()
        account = self._ask("arrange", wanted.account().arguments()).result["differs"]
        arrangement = wanted.configuration(facts)
        secrets = {name: self.secret(setting) for name, setting in wanted.secrets().items()} if keys else {}
        if not keys:
            plain = tuple(one for one in arrangement.files if not any("secret" in part for part in one.parts))
            arrangement = arrangement.model_copy(update={"files": plain})
        differs = self._ask("arrange", arrangement.arguments(), secrets).result["differs"]
        return facts.model_copy(update={"account": tuple(account), "configuration": tuple(differs)})

    def _ask(self, act: str, arguments: dict[str, JsonValue], secrets: Mapping[str, Secret] | None = None) -> Outcome:
        question = Guarded(
            key=self.host.name, host=self.host, environment=self.environment.settings.uuid, guard="ask", act=act,
            verb="ask", timeout=TIMEOUT, arguments=arguments, secrets=dict(secrets or {}),
        )  # fmt: skip
        outcome = self.hosts.perform([question], lambda _key, _outcome: None)[self.host.name]
        if not outcome.is_done:
            words = outcome.message or outcome.status
            raise HostUnreachable(
                Bilingual(f"{self.host.name}: {words}", f"{self.host.name}: {russian(words)}"),
                f"clmdeploy host setup -e {self.environment.name} --limit {self.host.name}",
            )
        return outcome


_TOLD = ("units", "next", "ledgers", "programs", "python", "missing", "now")


def ledgers_of(facts: ScheduleFacts) -> tuple[dict[str, RunLedger], tuple[Bilingual, ...]]:
    """What the host told, read as anything that others wrote; and which ledgers are not to be believed."""
    ledgers, faults = dict[str, RunLedger](), list[Bilingual]()
    for job, told in facts.ledgers.items():
        try:
            ledgers[job] = RunLedger.model_validate(told)
        except ValidationError:
            path = f"{places.LEDGERS}/{job}.json"
            faults.append(
                Bilingual(
                    f"{path} is no ledger: look at it there; with it moved aside, the next run begins anew",
                    f"{path} — не журнал запусков: посмотрите его на узле резервных копий; без него следующий запуск "
                    "начнёт новый",
                )
            )
    return ledgers, tuple(faults)


def installed_program(facts: ScheduleFacts) -> str:
    """The one that was proved last, which its units run; a name that is nowhere where there is none."""
    return facts.programs[0] if facts.programs else "none"
