"""Asking the person at the terminal; without a terminal the flag that would have answered is named instead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from clmdeploy.cli.context import Invocation
from clmdeploy.model.errors import UsageError

Check = Callable[[str], object]
"""Raises ValueError, with a sentence, for an answer that can't be."""


def is_attended() -> bool:
    """Whether somebody sits at a terminal, and can be asked; nobody does where standard input is closed."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


@dataclass
class Questions:
    """Collects answers from flags, then from the terminal; remembers flags that nobody can answer for."""

    invocation: Invocation
    terminal: bool = field(default_factory=is_attended)
    missing: list[str] = field(default_factory=list)

    def text(
        self, given: str | None, flag: str, question: str, *, default: str | None = None, check: Check | None = None
    ) -> str:
        """`given`, or the answer to the catalogue's `question`, or `default` where nobody can be asked."""
        if given is not None:
            return given
        if self.terminal:
            return self._ask(question, default, check)
        if default is None:
            self.missing.append(flag)
        return default or ""

    def each(self, given: tuple[str, ...], flag: str, question: str, *, check: Check) -> tuple[str, ...]:
        """`given`, or answers until an empty one; at least one is needed."""
        answers: list[str] = list(given)
        while self.terminal and not given:
            answer = self._ask(question, "", check)
            if not answer and answers:
                break
            answers += [answer] if answer else []
        if not answers:
            self.missing.append(flag)
        return tuple(answers)

    def _ask(self, question: str, default: str | None, check: Check | None) -> str:
        """Asks until the answer passes `check`: a slip must not cost all the answers before it."""

        def checked(answer: str) -> str:
            try:
                if check and answer:
                    check(answer)
            except ValueError as error:
                raise click.UsageError(str(error)) from error  # click says it, and asks again
            return answer

        return str(
            click.prompt(
                self.invocation.say(question), default=default, show_default=bool(default), err=True, value_proc=checked
            )
        )

    def agrees(self, question: str, **fields: object) -> bool:
        """Yes or no; never yes by default. False where nobody can be asked."""
        return self.terminal and click.confirm(self.invocation.say(question, **fields), default=False, err=True)

    def all_answered(self) -> None:
        """Raises UsageError that names every flag which is missing; nothing is done before this has passed."""
        if self.missing:
            raise UsageError(
                self.invocation.both("question.missing", flags=", ".join(self.missing)),
                self.invocation.both("question.missing_hint"),
            )
