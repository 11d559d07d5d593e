"""The lookout: a small process of its own that tells people when this one is gone without having said how it ended.

A control node process that is killed can tell nobody. The lookout waits on a pipe whose other end only this process
has: whatever ends it, SIGKILL of its whole process group included, ends the pipe. What is to be told then was written
into the pipe beforehand, and is replaced as the work goes on. The lookout is in a session of its own, holds none of our
streams open (a CI job waits until its last writer is gone), and has a small environment: job runners find what they
kill by variables too. It ends as soon as the pipe does. What takes the machine, or the whole control group, takes the
lookout as well: `clmdeploy status --notify` from elsewhere is for that.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from clmdeploy.adapters.channels import to_wire
from clmdeploy.adapters.notice_command import small_environment
from clmdeploy.adapters.outbox import DirectoryOutbox
from clmdeploy.model.value import JsonValue
from clmdeploy.notices.notice import Notice
from clmdeploy.notices.ports import Channel

_PACKAGES = Path(__file__).parents[2]
_LEAVE_SECONDS = 5


class ProcessLookout:
    """Implements the Lookout port."""

    def __init__(self, channels: Sequence[Channel], outbox: DirectoryOutbox, environ: Mapping[str, str]) -> None:
        """Raises OSError when no process can be started."""
        self._process = subprocess.Popen(
            (sys.executable, "-P", "-m", "clmdeploy.adapters.lookout_process"),
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            env={**small_environment(environ), "PYTHONPATH": str(_PACKAGES)}, start_new_session=True,
        )  # fmt: skip
        self._tell({"channels": to_wire(channels), "outbox": str(outbox.place)})

    def expect(self, notice: Notice) -> None:
        """From now on this is what to tell when we are gone."""
        self._tell({"notice": notice.model_dump(mode="json")})

    def dismiss(self) -> None:
        """Nothing is left to tell."""
        self._tell({"end": True})
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tell(self, line: JsonValue) -> None:
        """A lookout that somebody killed is no reason to break off."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(json.dumps(line).encode() + b"\n")
                self._process.stdin.flush()
