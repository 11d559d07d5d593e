"""The engine act: what engines are let do on a host, and what comes back of it."""

from __future__ import annotations

import base64
import getpass
import os
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.backups.pgbackrest_listing import BLANKS
from clmdeploy.hostside.acts import child, engine, progress
from clmdeploy.hostside.acts.call import ActError, Call
from clmdeploy.hostside.acts.child import Spoken


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(progress, "PLACE", str(tmp_path / "progress"))
    return tmp_path


def command(*argv: str, **other: Any) -> dict[str, Any]:
    return {
        "argv": list(argv), "environment": {}, "secrets": {}, "user": getpass.getuser(), "stdin": "", "timeout": 20,
        "keep": 1_000_000, "shows": "", "awaits": [], **other,
    }  # fmt: skip


def run(*commands: dict[str, Any]) -> list[dict[str, Any]]:
    call = Call("engine", "perform", {"commands": list(commands), "progress": "clm-a-1"}, {}, {})
    told: list[dict[str, Any]] = engine.perform(call)["completed"]
    return [one | {name: zlib.decompress(base64.b64decode(one[name])) for name in ("stdout", "stderr")} for one in told]


def python(script: str, **other: Any) -> dict[str, Any]:
    return command("/usr/bin/env", "python3", "-c", script, **other)


def test_commands_run_in_order_until_one_fails() -> None:
    """What follows a failure is not begun; its exit code is told, not judged."""
    told = run(command("/bin/echo", "one"), python("import sys; sys.exit(82)"), command("/bin/echo", "three"))
    assert [one["code"] for one in told] == [0, 82]
    assert told[0]["stdout"] == b"one\n"


def test_arguments_and_input_go_through_as_bytes() -> None:
    """Names that are no UTF-8 stay what they are, and no shell reads them."""
    name = os.fsdecode(b"a b\xff$(reboot)\n")
    [told] = run(command("/usr/bin/printf", "%s", name))
    assert told["stdout"] == b"a b\xff$(reboot)\n"
    [told] = run(command("/bin/cat", stdin=base64.b64encode(b"x\0\xfe").decode()))
    assert told["stdout"] == b"x\0\xfe"


def test_secrets_come_from_files_and_never_come_back(tmp_path: Path) -> None:
    """The variable has the value; neither output does."""
    (tmp_path / "key").write_text("geheim-123\n")
    script = "import os, sys; print(len(os.environ['KEY'])); print(os.environ['KEY'], file=sys.stderr)"
    [told] = run(python(script, secrets={"KEY": str(tmp_path / "key")}))
    assert told["stdout"] == b"10\n"
    assert told["stderr"] == b"***\n"


def test_a_secret_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Root opens it: a link could name anybody's file."""
    (tmp_path / "key").symlink_to("/etc/hostname")
    with pytest.raises(ActError, match="key"):
        run(command("/bin/true", secrets={"KEY": str(tmp_path / "key")}))


def test_much_output_keeps_whole_lines_of_both_ends() -> None:
    """Memory is bounded, and no line is told in part."""
    [told] = run(python("for i in range(200000): print('line', i)", keep=1000))
    lines = told["stdout"].splitlines()
    assert told["cut"]
    assert (lines[0], lines[-1]) == (b"line 0", b"line 199999")
    assert len(told["stdout"]) < 1000 + child.TAIL + child.CHUNK
    assert all(line.split()[0] == b"line" and line.split()[1].isdigit() for line in lines)


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM first; who does not heed that, SIGKILL."""
    monkeypatch.setattr(child, "PATIENCE", 1.0)
    [told] = run(python("import time; time.sleep(60)", timeout=0.5))
    assert (told["code"], told["late"]) == (-15, True)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    [told] = run(python(deaf, timeout=1.0))
    assert (told["code"], told["late"]) == (-9, True)


def test_nothing_outlives_its_command(tmp_path: Path) -> None:
    """A child left in the background is ended, and does not hold the answer back."""
    mark = tmp_path / "pid"
    begun = time.monotonic()
    left = (
        "import os, time\nif os.fork() == 0:\n"
        f" open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)\ntime.sleep(0.5)"
    )
    [told] = run(python(left))
    assert told["code"] == 0
    assert time.monotonic() - begun < 10
    time.sleep(0.2)
    state = Path(f"/proc/{mark.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_what_is_awaited_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is there; past the time limit it is late."""
    monkeypatch.setattr(engine, "AGAIN", 0.05)
    count = tmp_path / "count"
    script = f"p = {str(count)!r}\nopen(p, 'a').write('x')\nprint(len(open(p).read()) >= 3 and 'there')"
    [told] = run(python(script, awaits=["there"]))
    assert (told["code"], told["stdout"], count.read_text()) == (0, b"there\n", "xxx")
    [told] = run(command("/bin/echo", "nothing", timeout=0.3, awaits=["there"]))
    assert (told["late"], told["stderr"]) == (True, b"not there: there")


def test_progress_is_told_while_it_runs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest line with the mark in it; nothing is left of it afterwards."""
    seen: list[bytes] = []
    write = engine.Note._write

    def written(note: engine.Note, told: dict[str, Any]) -> None:
        write(note, told)
        asked = progress.ask(Call("progress", "ask", {"name": "clm-a-1"}, {}, {}))
        seen.append(base64.b64decode(asked["line"]))

    monkeypatch.setattr(engine, "EVERY", 0.0)
    monkeypatch.setattr(engine.Note, "_write", written)
    run(python("print('status 1'); print('other'); print('status 2')", shows="status"))
    assert seen == [b"status 1", b"status 2"]
    assert os.listdir(place / "progress") == []


def test_a_question_about_nothing_has_an_empty_answer() -> None:
    """No work, no progress; and no name leads out of the directory."""
    assert progress.ask(Call("progress", "ask", {"name": "clm-b-1"}, {}, {})) == {"line": ""}
    with pytest.raises(ActError):
        progress.ask(Call("progress", "ask", {"name": "../x"}, {}, {}))


def test_a_user_that_is_not_there_is_named() -> None:
    """Setup makes the users."""
    with pytest.raises(ActError, match="clm-nobody"):
        run(command("/bin/true", user="clm-nobody"))


def test_what_passes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of an engine that is gone: the same command again, for as long as is asked for."""
    monkeypatch.setattr(engine, "PAUSE", 0.05)
    count = tmp_path / "count"
    script = f"import sys; p = {str(count)!r}; open(p, 'a').write('x'); sys.exit(0 if len(open(p).read()) > 2 else 56)"
    [told] = run(python(script, again=[50, 56], patience=20))
    assert (told["code"], count.read_text()) == (0, "xxx")
    [told] = run(python("import sys; sys.exit(56)", again=[50, 56], patience=0.2))
    assert told["code"] == 56
    [told] = run(python("import sys; sys.exit(57)", again=[50, 56], patience=20))
    assert told["code"] == 57


def test_what_nobody_needs_is_told_as_ones() -> None:
    """Digests of a long listing would fill the reply: what is left compresses to next to nothing."""
    spoken = Spoken(0, b'{"seg-' + b"ab" * 20 + b'.zst":{"size":123,"time":77}}', b"", False, False)
    blanked = engine._blanked(spoken, BLANKS)
    assert blanked.stdout == b'{"seg-' + b"1" * 40 + b'.zst":{"size":111,"time":77}}'
    assert engine._blanked(spoken, "") == spoken
