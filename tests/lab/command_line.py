"""`clmdeploy` as a process, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clmdeploy.lab import Lab

DEPLOY_LIMIT = 600  # seconds; twenty on a machine that has nothing else to do


@dataclass(frozen=True)
class Ran:
    """A command line that has ended."""

    words: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Everything that it printed."""
        return self.stdout + self.stderr

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object of `--json`."""
        parsed: dict[str, Any] = json.loads(self.stdout)
        return parsed

    def expecting(self, code: int) -> Ran:
        """Itself, if it ended with `code` and without a traceback."""
        assert self.code == code, f"{' '.join(self.words)}: exit code {self.code}, not {code}\n{self.said}"
        assert "Traceback" not in self.said
        return self


@dataclass(frozen=True)
class CommandLine:
    """Runs `clmdeploy` as a process, as an administrator or a pipeline does. Called with words, it gives a Ran."""

    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def aimed_at(cls, lab: Lab, home: Path) -> CommandLine:
        """At a lab; whatever it keeps for itself is kept in `home`."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLM_", "XDG_", "AWS_", "CI"))
        }
        return cls({**kept, "HOME": str(home), "LC_ALL": "C.UTF-8", **lab.operator_environment()})

    def __call__(self, *words: str, environ: Mapping[str, str] | None = None, timeout: float = DEPLOY_LIMIT) -> Ran:
        done = subprocess.run(
            self.argv(*words), env={**self.environ, **(environ or {})}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip
        return Ran(words, done.returncode, done.stdout, done.stderr)

    def started(self, *words: str) -> subprocess.Popen[str]:
        """Running, its output to be read line by line."""
        return subprocess.Popen(
            self.argv(*words), env=dict(self.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    @staticmethod
    def argv(*words: str) -> tuple[str, ...]:
        return (str(Path(sys.executable).with_name("clmdeploy")), *words)


def publish(clmdeploy: CommandLine, source: Path, out: Path) -> Ran:
    """Build the release in `source` and publish it; the outcome of what ended last."""
    built = clmdeploy("release", "build", str(source), "--out", str(out), "--json")
    return clmdeploy("release", "publish", built.json["bundle"], "-e", "lab") if built.code == 0 else built
