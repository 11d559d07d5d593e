"""What the tool says at the end of work that did not go well: the three lines, and the command that it names."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.command_line import Ran

_BEGINNINGS = ["Runs now", "Safe", "Next"]


@dataclass(frozen=True)
class Told:
    """The end of a failure."""

    runs: str
    safe: str
    next: tuple[str, ...]
    """words of the command line, without the program's name"""

    @classmethod
    def by(cls, ran: Ran) -> Told:
        """Raises AssertionError unless a run ended with the three lines and nothing else after them."""
        lines = [line.partition(": ") for line in ran.stderr.strip().splitlines()[-3:]]
        assert [name for name, _, _ in lines] == _BEGINNINGS, f"not the three lines: {ran.said}"
        runs, safe, following = (text for _, _, text in lines)
        return cls(runs, safe, tuple(following.split()[1:]))

    @property
    def settles(self) -> bool:
        """Whether the command is one that settles a change."""
        return self.next[:2] in (("change", "resume"), ("change", "abort"))
