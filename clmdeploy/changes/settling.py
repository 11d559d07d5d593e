"""Settles unknown acts: asks the guard what became of the unit, then the host itself; never guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clmdeploy.changes.dispatch import Dispatch
from clmdeploy.changes.guarded import SILENT, UNCLEAR, Outcome, Verb
from clmdeploy.changes.plan import Step, Target
from clmdeploy.model.bilingual import Bilingual

PATIENCE = 20.0  # seconds for a host that does not answer, before it is called unreachable
PAUSE = 2.0


def settle(dispatch: Dispatch, step: Step, targets: Sequence[Target], verb: Verb = "perform") -> dict[str, Outcome]:
    """The outcome of each target's last act, as far as anybody can tell.

    A unit in flight is waited for up to the step's time limit, a silent host for `PATIENCE`. Where no result was kept,
    the act's own probe looks at the host: `done` counts as done, all else as failed, so that undo or another try
    follows.
    """
    clock = dispatch.world.clock
    deadline = clock.monotonic() + PATIENCE
    latest = clock.monotonic() + step.timeout + PATIENCE
    outcomes: dict[str, Outcome] = {}
    waiting = list(targets)
    while waiting:
        asked = dispatch.unit_outcomes(step, waiting, verb)
        outcomes |= {key: _of_the_act(answer) for key, answer in asked.items()}
        now = clock.monotonic()
        waiting = [
            target
            for target in waiting
            if (outcomes[target.key].status == "in-flight" and now < latest)
            or (outcomes[target.key].status in SILENT and now < deadline)
        ]
        if waiting:
            clock.sleep(PAUSE)
    dispatch.given_up |= {target.host for target in targets if outcomes[target.key].status in SILENT}
    return outcomes | _looked_at(
        dispatch, step, [one for one in targets if outcomes[one.key].status == "unknown"], verb
    )


def settle_unclear(
    dispatch: Dispatch, step: Step, targets: Sequence[Target], outcomes: Mapping[str, Outcome], verb: Verb
) -> dict[str, Outcome]:
    """`outcomes` of an act just sent, with what is unclear about them found out; nobody is waited for twice."""
    unclear = [
        one
        for one in targets
        if outcomes[one.key].acted
        and outcomes[one.key].status in UNCLEAR
        and not (outcomes[one.key].status in SILENT and one.host in dispatch.given_up)
    ]
    later = settle(dispatch, step, unclear, verb) if unclear else {}
    return dict(outcomes) | {key: _keep_first_words(outcomes[key], settled) for key, settled in later.items()}


def soberly(
    dispatch: Dispatch, step: Step, targets: Sequence[Target], outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """`outcomes`, where a failed act that can't be undone and by its own probe left nothing counts as never begun.

    Else a migration that failed and rolled itself back would be a point of no return that nobody has passed.
    """
    failed = [one for one in targets if outcomes[one.key].status == "failed"]
    if step.undo not in ("irreversible", "keep") or not failed:
        return dict(outcomes)
    answers = dispatch.probe(step, failed)
    clean = [key for key, answer in answers.items() if answer.is_done and answer.result["state"] == "not-done"]
    return dict(outcomes) | {key: outcomes[key].model_copy(update={"acted": False}) for key in clean}


def _keep_first_words(first: Outcome, settled: Outcome) -> Outcome:
    """The first failure says more than a later probe that found the host still silent."""
    return first if settled.status in SILENT else settled


def _looked_at(dispatch: Dispatch, step: Step, targets: Sequence[Target], verb: Verb) -> dict[str, Outcome]:
    if not targets:
        return {}
    return {key: _of_the_act(_read_state(answer, verb)) for key, answer in dispatch.probe(step, targets).items()}


def _of_the_act(answer: Outcome) -> Outcome:
    """A question that never reached the host, or was refused there, tells nothing of the act it was about."""
    if answer.status == "refused":
        return Outcome(status="unknown", message=answer.message)
    return answer if answer.acted else answer.model_copy(update={"acted": True})


def _read_state(answer: Outcome, verb: Verb) -> Outcome:
    """What a probe says of the act, and what the act had found. An undo is done when the act is not."""
    if not answer.is_done:
        return answer
    wanted = "done" if verb == "perform" else "not-done"
    state = str(answer.result["state"])
    if state == wanted:
        return Outcome(status="done", message="found done", result=answer.result)
    return Outcome(
        status="failed",
        message=Bilingual(f"the act was cut off: the host shows {state}", f"действие прервано: на узле {state}"),
    )
