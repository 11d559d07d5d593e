"""Asks the hosts of backups how they stand, compared with how they are to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from clmdeploy.backups.arranging import accounts, configuration, secrets
from clmdeploy.backups.identities import identities
from clmdeploy.backups.layout import AUTHORITY, BACKUP, Layout
from clmdeploy.changes.guarded import Guarded, Outcome
from clmdeploy.changes.ports import Performer
from clmdeploy.config.backup_hosts import backup_of, parties
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.files import read_text, under
from clmdeploy.model.bilingual import Bilingual, lines, russian
from clmdeploy.model.errors import HostUnreachable
from clmdeploy.model.hosts import Host
from clmdeploy.model.secret import Secret
from clmdeploy.model.value import JsonValue
from clmdeploy.planners.backup_facts import HostFound, ServerFound, SetupFacts
from clmdeploy.planners.backup_setup import Setup

TIMEOUT = 90
_MEGABYTE = 1024 * 1024
_RCLONE = "/usr/local/bin/rclone"


@dataclass(frozen=True)
class Asking:
    """What is asked with."""

    environment: LoadedEnvironment
    hosts: Performer
    engines: Performer
    secret: Callable[[str], Secret]
    inputs: Mapping[str, str]

    def setup(self, *, restart: bool) -> Setup:
        """All that the planner needs. Raises HostUnreachable naming every host that could not be asked."""
        settings = self.environment.settings
        layout = Layout(settings, backup_of(self.environment), parties(self.environment))
        storage_ca = self._storage_ca(layout)
        found = self._ask(self._questions(layout))
        program = found["software"].result["said"]["rclone"]
        compared = self._ask(self._comparisons(layout, storage_ca, program["path"] or _RCLONE))
        facts = SetupFacts(
            hosts={one.name: _host_found(one, found, compared) for one in layout.parties.all},
            servers={
                one.name: ServerFound.model_validate(_told(found[f"server@{one.name}"]))
                for one in layout.parties.database
                if layout.archives
            },
            authority=found["authority"].result["authority"], rclone=program["path"] or "",
            rclone_version=program["version"],
        )  # fmt: skip
        facts = facts.model_copy(update={"missing": self._missing(layout, facts)})
        return Setup(layout, facts, self.inputs, storage_ca, restart)

    def _storage_ca(self, layout: Layout) -> str:
        name = layout.store.ca_file
        return read_text(under(self.environment.directory, name), _MEGABYTE) if name else ""

    def _questions(self, layout: Layout) -> Iterable[Guarded]:
        """What needs no answer of another one."""
        for host in layout.parties.all:
            yield self._question(f"accounts@{host.name}", host, "arrange", accounts(layout, host).arguments())
            own = identities(layout.parties, host, archives=layout.archives)
            arguments: dict[str, JsonValue] = {"identities": [one.model_dump(mode="json") for one in own]}
            yield self._question(f"identity@{host.name}", host, "identity", arguments)
        database = layout.backup.database
        for host in layout.parties.database if layout.archives else ():
            yield self._question(
                f"server@{host.name}", host, "archiving", {"port": database.port, "data": database.data}
            )
        backup = layout.parties.backup
        yield self._question("authority", backup, "authority", {"directory": AUTHORITY})
        yield self._question("software", backup, "software", {"programs": {"rclone": ["version"]}})

    def _comparisons(self, layout: Layout, storage_ca: str, rclone: str) -> Iterable[Guarded]:
        """Files are compared where they are to lie, secrets too: they travel there as they will when it is done."""
        for host in layout.parties.all:
            wanted = configuration(layout, host, storage_ca, None, rclone).arguments()
            named = {name: setting.replace("{host}", host.name) for name, setting in secrets(layout, host).items()}
            known = {name: self.secret(setting) for name, setting in named.items()}
            yield self._question(host.name, host, "arrange", wanted).model_copy(update={"secrets": known})

    def _missing(self, layout: Layout, facts: SetupFacts) -> dict[str, tuple[str, ...]]:
        """Engines are asked where all that they need stands already; elsewhere nothing of theirs can have been done."""
        hosts, backup = layout.parties.files, layout.parties.backup
        if facts.hosts[backup.name].accounts or facts.hosts[backup.name].configuration:
            everybody = tuple(host.name for host in hosts)
            return {"restic-init": everybody, "restic-key": everybody, "pgbackrest-stanza": (backup.name,)}
        acts = [self._stanza(layout)] if layout.archives else []
        for act in ("restic-init", "restic-key"):
            for host in hosts:
                arguments: dict[str, JsonValue] = {
                    "repository": layout.stored_repository_of(host.name), "host": host.name,
                    "authority": layout.storage_ca(BACKUP),
                }  # fmt: skip
                acts.append(self._probe(f"{act} {host.name}", backup, act, arguments))
        answers = self.engines.perform(acts, _unheard)
        undone = [key for key, answer in answers.items() if answer.result.get("state") != "done"]
        missing: dict[str, tuple[str, ...]] = {}
        for act, name in (key.split(" ", 1) for key in undone):
            missing[act] = (*missing.get(act, ()), name)
        return missing

    def _stanza(self, layout: Layout) -> Guarded:
        backup, act = layout.parties.backup, "pgbackrest-stanza"
        return self._probe(f"{act} {backup.name}", backup, act, {"stanza": layout.backup.database.stanza})

    def _question(self, key: str, host: Host, act: str, arguments: dict[str, JsonValue]) -> Guarded:
        return Guarded(
            key=key, host=host, environment=self.environment.settings.uuid, guard="ask", act=act, verb="ask",
            timeout=TIMEOUT, arguments=arguments,
        )  # fmt: skip

    def _probe(self, key: str, host: Host, act: str, arguments: dict[str, JsonValue]) -> Guarded:
        return self._question(key, host, act, arguments).model_copy(update={"verb": "probe"})

    def _ask(self, questions: Iterable[Guarded]) -> dict[str, Outcome]:
        asked = list(questions)
        answers = self.hosts.perform(asked, _unheard)
        silent = {one.host.name: answers[one.key] for one in asked if not answers[one.key].is_done}
        if silent:
            told = (_complaint(name, outcome) for name, outcome in silent.items())
            raise HostUnreachable(
                lines(told),
                Bilingual("mend this, then run the same command again", "исправьте это и повторите ту же команду"),
            )
        return answers


def _complaint(name: str, outcome: Outcome) -> Bilingual:
    words = outcome.message or outcome.status
    return Bilingual(f"{name}: {words}", f"{name}: {russian(words)}")


def _host_found(host: Host, found: Mapping[str, Outcome], compared: Mapping[str, Outcome]) -> HostFound:
    stands = found[f"accounts@{host.name}"].result
    return HostFound(
        accounts=tuple(stands["differs"]), packages=stands["packages"],
        configuration=tuple(compared[host.name].result["differs"]),
        identities=found[f"identity@{host.name}"].result["identities"],
    )  # fmt: skip


def _told(outcome: Outcome) -> dict[str, JsonValue]:
    return {key: outcome.result[key] for key in ("version", "told", "standby", "settings")}


def _unheard(key: str, outcome: Outcome) -> None:
    """Questions are not shown as they come."""
