"""What scheduled jobs, and whoever installs them, reach the world with."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clmdeploy.backups.jobs import jobs_of
from clmdeploy.backups.schedule_layout import STATE
from clmdeploy.config.scheduled_inventory import schedule_of
from clmdeploy.planners.schedule import Program

if TYPE_CHECKING:
    from clmdeploy.queries.schedule import ScheduleAsking
    from clmdeploy.queries.scheduled import Jobs
    from clmdeploy.runtime import Runtime


class ScheduleReach:
    """Of one environment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @property
    def asking(self) -> ScheduleAsking:
        """What asks the backup host."""
        from clmdeploy.queries.schedule import ScheduleAsking

        return ScheduleAsking(self._runtime.environment, self._runtime.hosts, self._runtime.secret)

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs on this machine. Raises UsageError where clm.yml schedules none."""
        from clmdeploy.adapters.schedule_host import ScheduleHost
        from clmdeploy.adapters.schedule_state import ScheduleState
        from clmdeploy.queries.scheduled import Jobs

        runtime, schedule = self._runtime, schedule_of(self._runtime.environment)
        place = runtime.environ.get(STATE)
        book = ScheduleState(Path(place) if place else runtime.own_directory / "schedule")
        host = ScheduleHost(runtime.environ)
        return Jobs(
            runtime.environment.name, jobs_of(schedule), schedule.random_delay, book, host, runtime.clock
        )  # fmt: skip

    def program(self, wheelhouse: Path | None, *, bring: bool) -> Program:
        """The clmdeploy that runs here. `bring`: into the release bucket, where the backup host fetches it."""
        from clmdeploy.adapters.own_program import own_program

        own = own_program(wheelhouse)
        if bring and not self._is_there(own.key):
            self._runtime.releases.put(own.key, own.archive)
        return Program(own.directory, own.key, len(own.archive), own.sha256, own.offline)

    def _is_there(self, key: str) -> bool:
        return key in self._runtime.releases.keys(key)  # a bucket's, not a mapping's
