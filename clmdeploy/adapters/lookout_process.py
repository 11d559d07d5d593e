"""What runs in the lookout's process (adapters/lookout.py). Imports the standard library alone until it must act."""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from typing import Any, BinaryIO

LONGEST_LIFE = 600  # seconds after the pipe has ended; each channel has a time limit of its own


def main() -> None:
    """Waits for the end of standard input, and tells what was last asked for."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # we live as long as the pipe
    told = last_words(sys.stdin.buffer)
    if "notice" in told and "end" not in told:
        signal.alarm(LONGEST_LIFE)
        _act(told)


def last_words(pipe: BinaryIO) -> dict[str, Any]:  # Any: JSON of our other half
    """All that was said, later words in place of earlier ones. A line that was cut off was never said."""
    told: dict[str, Any] = {}
    for line in pipe:
        if line.endswith(b"\n"):
            told |= json.loads(line)
    return told


def _act(told: dict[str, Any]) -> None:  # Any: JSON of our other half
    from pathlib import Path

    from clmdeploy.adapters.channels import from_wire
    from clmdeploy.adapters.clock import SystemClock
    from clmdeploy.adapters.outbox import DirectoryOutbox
    from clmdeploy.notices.courier import Courier
    from clmdeploy.notices.notice import Notice

    planned = Notice.model_validate(told["notice"])
    zone = datetime.fromisoformat(planned.at).tzinfo
    now = datetime.now(zone).isoformat(timespec="seconds")
    outbox = DirectoryOutbox(Path(told["outbox"]))
    Courier(from_wire(told["channels"]), outbox, SystemClock()).send(planned.model_copy(update={"at": now}))


if __name__ == "__main__":
    main()
