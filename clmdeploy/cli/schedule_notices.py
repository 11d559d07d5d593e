"""Notices of scheduled runs that could say nothing themselves: killed, gone with their host, or never begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from clmdeploy.cli.context import Invocation
from clmdeploy.cli.notices import composer_of
from clmdeploy.model.bilingual import Bilingual, lines, russian
from clmdeploy.model.errors import ClmError, ExitCode
from clmdeploy.notices.composition import Errand
from clmdeploy.notices.notice import Notice, Occasion
from clmdeploy.queries.aftermath import Aftermath

if TYPE_CHECKING:
    from clmdeploy.backups.marks import Mark
    from clmdeploy.backups.run_ledger import Miss, Run
    from clmdeploy.queries.scheduled import News
    from clmdeploy.runtime import Runtime

_MOST_NAMED = 10  # spoiled points of one notice


def notices_of(invocation: Invocation, runtime: Runtime, news: Sequence[News]) -> Iterator[Notice]:
    """One for each run that went wrong, and one for all misses of a job."""
    for one in news:
        if one.wrong is not None:
            yield _wrong(invocation, runtime, one.job, one.wrong)
        if one.misses:
            yield _missed(invocation, runtime, one.job, one.misses)


def _wrong(invocation: Invocation, runtime: Runtime, job: str, run: Run) -> Notice:
    change = _open_change(runtime, run) if run.result != "failed" else None
    code = ExitCode.UNEXPECTED if run.exit_code is None else ExitCode(run.exit_code)
    aftermath = Aftermath(
        change=change, state="unknown" if change else "not-begun", exit_code=code, next=_again(runtime, job),
        message=_ending_words(run, _time(runtime, run.started)),
    )  # fmt: skip
    if run.exit_code == ExitCode.VERIFICATION_FAILED:
        found = with_damage(aftermath, _marks(runtime), runtime.environment.name)
        aftermath = found or aftermath
    remark = "notice.next_run" if run.result != "failed" else ""
    occasion: Occasion = "unknown" if change else "failed"
    return composer_of(invocation, runtime).notice(_errand(runtime, job), aftermath, occasion, remark)


def with_damage(aftermath: Aftermath, marks: Iterable[Mark], environment: str) -> Aftermath | None:
    """The same, naming the points that verification has found worthless and why; None where it has found none so."""
    spoiled = [(mark.point, mark.faults) for mark in marks if mark.faults][::-1]  # newest first
    if not spoiled:
        return None
    told = [aftermath.message, *(_spoiled_words(point, faults) for point, faults in spoiled[:_MOST_NAMED])]
    if len(spoiled) > _MOST_NAMED:
        told.append(Bilingual(f"… {len(spoiled)} points in all", f"… всего точек: {len(spoiled)}"))
    following = f"backup create --type full -e {environment}"
    return aftermath.model_copy(update={"message": lines(told), "next": following})


def _spoiled_words(point: str, faults: tuple[str, ...]) -> Bilingual:
    more = f" (+{len(faults) - 1})" if len(faults) > 1 else ""
    return Bilingual(
        f"restore point {point} can't be restored: {faults[0]}{more}",
        f"точку {point} восстановить нельзя: {russian(faults[0])}{more}",
    )


def _marks(runtime: Runtime) -> Iterable[Mark]:
    try:
        return runtime.marks.read().marks
    except ClmError:
        return ()  # the message has the exit code; the storage is told of by other means


def _ending_words(run: Run, at: str) -> Bilingual:
    if run.result == "lost":
        return Bilingual(
            f"the run that began at {at} went down with its host", f"запуск, начатый {at}, оборвался вместе с узлом"
        )
    if run.result == "killed":
        how = run.detail or "SIGKILL?"
        return Bilingual(f"the run that began at {at} was killed ({how})", f"запуск, начатый {at}, был убит ({how})")
    code = run.exit_code
    return Bilingual(
        f"the run that began at {at} ended with exit code {code}", f"запуск, начатый {at}, завершился с кодом {code}"
    )


def _missed(invocation: Invocation, runtime: Runtime, job: str, misses: tuple[Miss, ...]) -> Notice:
    lines = [_miss_words(runtime, miss) for miss in misses]
    message = Bilingual("\n".join(map(str, lines)), "\n".join(line.ru for line in lines))
    aftermath = Aftermath(
        change=None, state="not-begun", exit_code=ExitCode.UNEXPECTED, message=message, next=_again(runtime, job)
    )
    return composer_of(invocation, runtime).notice(_errand(runtime, job), aftermath, "missed", "notice.not_replayed")


def _miss_words(runtime: Runtime, miss: Miss) -> Bilingual:
    at = _time(runtime, miss.at)
    if miss.why == "overlap":
        return Bilingual(f"{at}: the run before was still at work", f"{at}: ещё работал предыдущий запуск")
    return Bilingual(f"{at}: no run began", f"{at}: запуск не начался")


def _errand(runtime: Runtime, job: str) -> Errand:
    return Errand(runtime.environment.name, f"schedule {job}", _again(runtime, job), runtime.who, f"scheduled: {job}")


def _again(runtime: Runtime, job: str) -> str:
    """For a person on any control node: the command itself, not the job."""
    command = " ".join(runtime.schedule.jobs.job(job).command)
    return f"{command} -e {runtime.environment.name}"


def _open_change(runtime: Runtime, run: Run) -> str | None:
    """What the run had begun, where the storage still tells."""
    from clmdeploy.queries.changes import last_change

    try:
        found = last_change(runtime.data_journal)
    except ClmError:
        return None
    if found is None or found.state not in ("open", "stopped"):
        return None
    return found.id if datetime.fromisoformat(found.opened).timestamp() >= run.started - 1 else None


def _time(runtime: Runtime, at: float) -> str:
    zone = ZoneInfo(runtime.environment.settings.time_zone)
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S %Z}"
