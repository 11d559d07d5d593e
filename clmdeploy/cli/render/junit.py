"""JUnit XML of one change: a testcase for every step and host, as CI systems show them.

Format: the Jenkins schema (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd), which GitLab reads too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree import ElementTree

from clmdeploy.changes.events import Event
from clmdeploy.changes.plan import Plan
from clmdeploy.cli.render.rows import subject_of
from clmdeploy.queries.aftermath import Aftermath

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, production Char


def junit_xml(plan: Plan, events: Sequence[Event], aftermath: Aftermath) -> bytes:
    """One testsuite. `events`: those of this run; what was not reached is skipped, what was undone says so."""
    cases = [*_cases(plan, events), *_trouble(aftermath)]
    failed = sum(case.find("failure") is not None for case in cases)
    errors = sum(case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    suite = ElementTree.Element(
        "testsuite", name=_clean(plan.title), tests=str(len(cases)), failures=str(failed), errors=str(errors),
        skipped=str(skipped), time=f"{sum(float(case.get('time', '0')) for case in cases):.3f}",
    )  # fmt: skip
    if events:
        suite.set("timestamp", events[0].at)
    suite.extend(cases)
    root = ElementTree.Element("testsuites", name=_clean(aftermath.change or plan.title))
    root.append(suite)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _cases(plan: Plan, events: Sequence[Event]) -> Iterator[ElementTree.Element]:
    for step in plan.steps:
        for target in step.targets:
            told = [event for event in events if event.step == step.id and target.key in event.outcomes]
            name = f"{step.title} [{subject_of(target.key)}]"
            yield _case(name, f"{plan.environment}.{step.stage}", target.key, told)


def _case(name: str, group: str, key: str, told: Sequence[Event]) -> ElementTree.Element:
    case = ElementTree.Element("testcase", name=_clean(name), classname=_clean(group), time=f"{_seconds(told):.3f}")
    finished = [event for event in told if event.kind.endswith("-finished")]
    if not finished:
        ElementTree.SubElement(case, "skipped", message="not reached" if not told else "not finished")
    for event in finished:
        outcome = event.outcomes[key]
        if outcome.is_done:
            continue
        words = ("undo: " if event.kind == "undo-finished" else "") + (outcome.message or outcome.status)
        failure = ElementTree.SubElement(case, "failure", type=outcome.status, message=_clean(words.partition("\n")[0]))
        failure.text = _clean(words)
    if any(event.kind == "undo-finished" and event.outcomes[key].is_done for event in finished):
        ElementTree.SubElement(case, "system-out").text = "taken back"
    return case


def _trouble(aftermath: Aftermath) -> Iterator[ElementTree.Element]:
    """What ended the run beside any host: the lease, the storage, another control node."""
    if aftermath.message:
        case = ElementTree.Element("testcase", name="change", classname="clmdeploy", time="0.000")
        error = ElementTree.SubElement(case, "error", type=aftermath.state, message=_clean(aftermath.message))
        error.text = _clean(aftermath.message)
        yield case


def _seconds(told: Sequence[Event]) -> float:
    if len(told) < 2:
        return 0.0
    first, last = (datetime.fromisoformat(event.at) for event in (told[0], told[-1]))
    return max(0.0, (last - first).total_seconds())


def _clean(text: str) -> str:
    """Characters that no XML document may hold, not even escaped, are dropped."""
    return _FORBIDDEN.sub("", text)
