"""Sees to it that somebody is told when an errand does not end well, however it ends."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from clmdeploy.backups.schedule_layout import TOLD_BY
from clmdeploy.cli.context import Invocation
from clmdeploy.cli.notices import composer_of, retry_notices
from clmdeploy.cli.questions import is_attended
from clmdeploy.cli.render.notices import show_delivery
from clmdeploy.model.errors import ClmError, InvalidInput, UsageError
from clmdeploy.notices.composition import Errand
from clmdeploy.notices.notice import Notice, Occasion
from clmdeploy.notices.occasion import is_watched, occasion_of
from clmdeploy.queries.aftermath import Aftermath, Again, after_refusal, cut_off

if TYPE_CHECKING:
    from clmdeploy.changes.events import Event
    from clmdeploy.changes.guarded import Outcome
    from clmdeploy.changes.plan import Plan, Step
    from clmdeploy.notices.courier import Delivery
    from clmdeploy.notices.ports import Lookout
    from clmdeploy.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class Task:
    """What this command line is to do, in the words of a notice."""

    title: str
    """`deploy 1.3.0`: for people, and with `-e ENV` and `flags` the command that tries it again"""
    reason: str = ""
    settles: bool = False
    """resume or abort: where nothing is open, nothing was missed"""
    offline: bool = False
    """without the storage: it is gone on with from here alone"""
    acts: bool = True
    """whether it changes anything: a dry run is watched by nobody"""
    flags: str = ""


@contextlib.contextmanager
def on_errand(invocation: Invocation, environment: str, task: Task) -> Iterator[tuple[Runtime, Vigil]]:
    """The environment, opened for this errand and closed after it, with a vigil over all of it.

    Raises InvalidInput with every fault of its files; also of these people are told, where clm.yml still says whom.
    """
    from clmdeploy.runtime import Runtime

    try:
        runtime = Runtime.of(invocation.inventories, environment)
    except InvalidInput:
        left = Runtime.of_remains(invocation.inventories, environment)
        with contextlib.nullcontext() if left is None else Vigil(invocation, left, task):
            raise
    with contextlib.closing(runtime), Vigil(invocation, runtime, task) as vigil:
        yield runtime, vigil


class Vigil:
    """Around one command that changes something. A Watcher too: so it learns when the change begins.

    While it lasts, a lookout in another process knows what to tell if this one is killed.
    """

    def __init__(self, invocation: Invocation, runtime: Runtime, task: Task) -> None:
        self._invocation, self._runtime = invocation, runtime
        notify = runtime.environment.settings.notify
        self._watched = task.acts and notify is not None and is_watched(notify.when, attended=is_attended())
        self._task = task
        self._title = task.title
        self._lookout: Lookout | None = None
        self._change: str | None = None
        self._notice: Notice | None = None
        self._learnt = False
        self._kept = False

    def __enter__(self) -> Self:
        if self._watched:
            self._post_lookout()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._learnt and error is not None and not isinstance(error, click.exceptions.Exit):
            self._learn_refusal(error)
        self.deliver()
        if self._lookout is not None:
            self._lookout.dismiss()
        if self._task.acts and not self._kept:  # what failed a moment ago fails again
            retry_notices(self._invocation, self._runtime)

    def on_opened(self, change: str, plan: Plan) -> None:
        self._change = change
        if self._watched:
            self._title = plan.title
            self._expect(cut_off(change, plan.environment, self._errand.again), "notice.cut_off")

    def on_event(self, event: Event) -> None:
        """The journal has it."""

    def on_outcome(self, step: Step, key: str, outcome: Outcome) -> None:
        """The ending tells."""

    def on_stop_wanted(self, wanted: str) -> None:
        """The ending tells."""

    def placed(self, aftermath: Aftermath) -> Aftermath:
        """With a next command that works from where this one was typed."""
        if not self._task.offline:
            return aftermath
        return aftermath.without_storage(self._runtime.environment.name, self._task.reason)

    def learn(self, aftermath: Aftermath) -> None:
        """This is how it ended. Whether that is told, and to whom, is seen to by `deliver`."""
        self._learnt = True
        occasion = occasion_of(aftermath)
        if not self._watched:
            return
        if occasion is None:
            self._dismiss()
        else:
            self._notice = self._composed(aftermath, occasion)
            self._tell_lookout(self._notice)

    def deliver(self) -> Delivery | None:
        """Tell what was learnt, once; None when nobody had to be told."""
        notice, self._notice = self._notice, None
        courier = self._runtime.courier if notice else None
        if notice is None or courier is None:
            return None
        delivery = courier.send(notice)
        show_delivery(self._invocation, delivery)
        self._kept = bool(delivery.kept)
        return delivery

    @property
    def again(self) -> Again:
        """This command line."""
        words = f"{self._task.title} -e {self._runtime.environment.name}{self._task.flags}"
        return Again(words, waits=not self._task.settles)

    @property
    def _errand(self) -> Errand:
        environment = self._runtime.environment.name
        return Errand(environment, self._title, self.again.now, self._runtime.who, self._task.reason)

    def _composed(self, aftermath: Aftermath, occasion: Occasion, remark: str = "") -> Notice:
        composer = composer_of(self._invocation, self._runtime)
        return composer.notice(self._errand, self.placed(aftermath), occasion, remark)

    def _learn_refusal(self, error: BaseException) -> None:
        if not self._watched or (self._task.settles and isinstance(error, UsageError)):
            return
        if isinstance(error, ClmError) and self._change is None:
            self.learn(self._refused(error))
            return
        message = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:500]}"
        self.learn(cut_off(self._change, self._errand.environment, self._errand.again, message))

    def _refused(self, error: ClmError) -> Aftermath:
        from clmdeploy.queries.status import FleetStatus, fleet_status

        environment = self._runtime.environment
        fleet = FleetStatus(hosts=())
        with contextlib.suppress(ClmError):  # what was to be told is told without it
            fleet = fleet_status(self._runtime.hosts, environment, probe=True)
        return after_refusal(error, environment.name, self.again, fleet)

    def _post_lookout(self) -> None:
        if self._runtime.environ.get(TOLD_BY):  # who ends this process with all that it started, tells it too
            return
        try:
            self._lookout = self._runtime.post_lookout()
        except OSError as error:
            click.echo(self._invocation.say("notice.nobody", why=error.strerror or error), err=True)
        early = cut_off(None, self._errand.environment, self._errand.again)
        self._expect(early, "notice.cut_off_early")

    def _expect(self, aftermath: Aftermath, remark: str) -> None:
        occasion = occasion_of(aftermath)
        if occasion is not None:
            self._tell_lookout(self._composed(aftermath, occasion, remark))

    def _tell_lookout(self, notice: Notice) -> None:
        if self._lookout is not None:
            self._lookout.expect(notice)

    def _dismiss(self) -> None:
        if self._lookout is not None:
            self._lookout.dismiss()
            self._lookout = None
