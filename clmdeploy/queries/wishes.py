"""Brings together what a rollout's planner needs: the release, the fleet as it is, and the digests of all inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from clmdeploy.changes.ports import Performer
from clmdeploy.config.environment import LoadedEnvironment
from clmdeploy.config.settings import Rollout
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput, NothingChanged, UsageError
from clmdeploy.model.facts import FleetFacts
from clmdeploy.model.faults import faults_of
from clmdeploy.model.value import sha256_hex
from clmdeploy.model.version import Version
from clmdeploy.planners.backup import PointWish
from clmdeploy.planners.before_migration import REASON
from clmdeploy.planners.deploy import migrates
from clmdeploy.planners.rollback import beyond, judge
from clmdeploy.planners.wish import Target, Wish
from clmdeploy.queries.fleet import gather_around
from clmdeploy.queries.host_releases import Releases
from clmdeploy.queries.points import Seen
from clmdeploy.releases.catalogue import bundle_key, record_key


@dataclass(frozen=True)
class Choices:
    """What the administrator chose on the command line, beside the version."""

    limit: tuple[str, ...] = ()
    canary: int | None = None
    at_once: int | str | None = None
    on_failure: str | None = None
    tolerate: int | None = None
    soak: int | None = None
    """seconds; of a hotfix too"""
    reasons: Mapping[str, str] = field(default_factory=dict)

    def rollout(self, settings: Rollout) -> Rollout:
        """The settings with what was chosen instead. Raises UsageError when these don't fit together."""
        policy = self.on_failure or ("tolerate" if self.tolerate else None)
        tolerate = 0 if self.tolerate is None and policy not in (None, "tolerate") else self.tolerate
        chosen = {
            "canary": self.canary, "batch": self.at_once, "on_failure": policy, "tolerate": tolerate,
            "soak": self.soak, "hotfix_soak": self.soak,
        }  # fmt: skip
        given = {key: value for key, value in chosen.items() if value is not None}
        try:
            return Rollout.model_validate(settings.model_dump() | given)
        except ValidationError as error:
            faults = "\n".join(f"--{fault.replace('_', '-')}" for fault in faults_of(error))
            raise UsageError(faults, _SAME_RULES) from error


@dataclass(frozen=True)
class Wishing:
    """Makes wishes for one environment."""

    environment: LoadedEnvironment
    catalogue: Releases
    hosts: Performer
    inputs: Mapping[str, str]
    token: Callable[[], int | None] = lambda: None
    """newest token of the fleet lease"""
    offline: bool = False
    point: Callable[[], PointWish] | None = None
    """gathers what a restore point is made of; None where none can be made"""
    points: Callable[[], Iterable[Seen]] | None = None
    """the restore points that there are, newest first; None where nobody can tell"""

    def deploy(self, version: Version, choices: Choices) -> Wish:
        """For a deploy of `version`. Raises InvalidInput for an unknown or untrusted release, or an unknown host."""
        target = self.target(version)
        wish = self._wish(target, self._fleet(target, choices), choices)
        return self._with_point(wish) if migrates(wish) else wish

    def rollback(self, version: Version | None, choices: Choices) -> Wish:
        """For a rollback to `version`, or to the newest release in the hosts' ledgers."""
        found = self.target(version) if version else None
        fleet = self._fleet(found, choices)
        target = found or self.target(previous_version(fleet, self.environment.name, choices.limit))
        wish = self._wish(target, fleet, choices)
        verdict, reverts = judge(wish)
        if verdict.kind == "needs-restore":
            return wish.model_copy(update={"way_back": self._point_before(beyond(wish))})
        return self._with_point(wish) if reverts else wish

    def _point_before(self, schema: int | None) -> str | None:
        """The newest point with a schema below this one, with which nothing is known to be wrong."""
        fit = (
            one.point.id
            for one in (self.points() if self.points and schema is not None else ())
            if not one.faults and one.point.schema_version is not None and one.point.schema_version < (schema or 0)
        )
        return next(fit, None)

    def _with_point(self, wish: Wish) -> Wish:
        """What a restore point is made of, for a change that touches the schema, unless none is wanted."""
        if self.point is None or REASON in wish.reasons:
            return wish
        return wish.model_copy(update={"point": self.point()})

    def onto(self, directory: str, fleet: FleetFacts) -> Wish:
        """For the release in that directory, onto a fleet that is known. Raises InvalidInput when it is another one."""
        target = self.target(Version(directory.rpartition("-")[0]))
        if target.release.directory != directory:
            found, application = target.release.directory, self.environment.settings.application
            raise InvalidInput(
                Bilingual(
                    f"{application} {directory} is not what is published: that is {found}",
                    f"{application} {directory} — не то, что опубликовано: опубликован {found}",
                )
            )
        return self._wish(target, fleet, Choices())

    def target(self, version: Version) -> Target:
        """A published release, its signature verified."""
        published = self.catalogue.fetch(self.environment.settings.application, version)
        release = published.release
        return Target(
            release=release, bundle_key=bundle_key(release),
            release_key=record_key(release.manifest.name, release.version),
            release_sha256=sha256_hex(published.document), release_size=len(published.document),
            release_signature=published.signature.decode(),
        )  # fmt: skip

    def _fleet(self, target: Target | None, choices: Choices) -> FleetFacts:
        known = {host.name for host in self.environment.hosts}
        strangers = sorted(set(choices.limit) - known)
        if strangers:
            names = ", ".join(strangers)
            raise InvalidInput(*_strangers_words(names, ", ".join(sorted(known))))
        groups = release_groups(self.environment, target)
        return gather_around(self.hosts, self.environment, groups, choices.limit, probe=self.offline)

    def _wish(self, target: Target, fleet: FleetFacts, choices: Choices) -> Wish:
        ca_file, settings = self.environment.ca_file, self.environment.settings
        chosen = settings.model_copy(update={"rollout": choices.rollout(settings.rollout)})
        return Wish(
            settings=chosen, fleet=fleet, target=target, inputs=dict(self.inputs),
            authority=ca_file.read_text() if ca_file else None, limit=choices.limit, canary=choices.canary,
            reasons=dict(choices.reasons), offline=self.offline,
            token=self.token(),
        )  # fmt: skip


_SAME_RULES = Bilingual(
    "compare the section rollout of clm.yml: the same rules hold there",
    "сравните с разделом rollout в clm.yml: правила те же",
)


def _strangers_words(names: str, known: str) -> tuple[str, str]:
    return (
        Bilingual(f"--limit: hosts.yml has no host {names}", f"--limit: в hosts.yml нет узла {names}"),
        Bilingual(f"it has: {known}", f"есть: {known}"),
    )


def release_groups(environment: LoadedEnvironment, target: Target | None) -> set[str]:
    """Groups that get releases: the components' own; while no release is known, all but the balancers' and stores'."""
    if target is not None:
        return {component.group for component in target.release.manifest.components}
    balancers = environment.settings.balancer.group if environment.settings.balancer else "lb"
    return {group for host in environment.hosts for group in host.groups} - {balancers, "db", "store", "backup", "all"}


def previous_version(fleet: FleetFacts, environment: str, limit: Collection[str] = ()) -> Version:
    """The newest way back in the hosts' ledgers (those of `limit` alone, where it names any). Raises NothingChanged."""
    ways = [facts.ledger[-1] for facts in fleet.hosts if facts.ledger and (not limit or facts.host.name in limit)]
    if not ways:
        raise NothingChanged(
            Bilingual(
                f"no host of {environment} has run another release before: there is nothing to go back to",
                f"на узлах среды {environment} раньше не работал другой релиз: возвращаться не к чему",
            ),
            Bilingual("name a release: --to VERSION", "назовите релиз: --to ВЕРСИЯ"),
        )
    return max(Version(name.rpartition("-")[0]) for name in ways)
