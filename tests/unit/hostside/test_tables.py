"""Tables out of a second cluster: what is there is not overwritten, and what was written is taken back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import postgres, recovery, second_server, tables
from clmdeploy.hostside.acts.call import ActError, Call

LSN = "0/A000090"


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was recovered to LSN, whose pg_dump says which table it was asked for."""

    @contextlib.contextmanager
    def running(_arguments: Any, _deadline: float) -> Iterator[dict[str, Any]]:
        yield {"data": str(tmp_path), "socket": "/run/x", "port": 5432}

    def dump(command: list[str], _account: str, out: int, _timeout: float) -> None:
        if "nosuch" in command[-1]:
            raise ActError("pg_dump: error: no matching tables were found")
        with open(out, "wb", closefd=False) as file:
            file.write(command[-1].encode())

    monkeypatch.setattr(tables, "RECORD", str(tmp_path / "tables.json"))
    monkeypatch.setattr(second_server, "running", running)
    monkeypatch.setattr(recovery, "fork_of", lambda _server: (3, LSN))
    monkeypatch.setattr(postgres, "version_of", lambda _data: "17")
    monkeypatch.setattr(postgres, "owner", lambda _arguments: "postgres")
    monkeypatch.setattr(tables, "_run", dump)


def call(directory: Path, *names: str, change: str = "c1", lsn: str = LSN) -> Call:
    asked = [{"schema": "public", "name": name, "file": f"public.{name}.dump"} for name in names]
    arguments = {"data": "/d", "place": "/p", "database": "clm", "directory": str(directory), "timeout": 9, "lsn": lsn,
                 "tables": asked, "change": change}  # fmt: skip
    return Call("tables", "perform", arguments, {}, {})


def test_each_table_becomes_a_file_for_root_alone(tmp_path: Path) -> None:
    """With its partitions, by its exact name; what was done is known again after a lost answer."""
    asked = call(tmp_path / "side", "a", 'b"c')
    told = tables.perform(asked)
    assert [one["table"] for one in told["files"]] == ["public.a", 'public.b"c']
    assert (tmp_path / "side" / "public.a.dump").read_text() == '--table-and-children="public"."a"'
    assert (tmp_path / "side" / 'public.b"c.dump').read_text() == '--table-and-children="public"."b""c"'
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "side").iterdir()} == {0o600}
    assert (tmp_path / "side").stat().st_mode & 0o777 == 0o700
    assert tables.probe(asked) == {"state": "done", **told}
    assert tables.probe(call(tmp_path / "side", "a", change="c2")) == {"state": "not-done"}


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """Nor taken away by the undo of the refusal; but what this very change has written is written again."""
    (tmp_path / "public.a.dump").write_text("mine")
    with pytest.raises(ActError, match="is there already"):
        tables.perform(call(tmp_path, "a"))
    tables.restore(call(tmp_path, "a"))
    assert (tmp_path / "public.a.dump").read_text() == "mine"
    tables.perform(call(tmp_path, "b"))
    tables.perform(call(tmp_path, "b"))


def test_undo_leaves_nothing_of_it(tmp_path: Path) -> None:
    """Of a try that failed half-way, and of one that was whole: files go, and the directory that it made."""
    side = tmp_path / "side"
    with pytest.raises(ActError, match="no matching tables"):
        tables.perform(call(side, "a", "nosuch"))
    assert tables.probe(call(side, "a", "nosuch"))["state"] == "partial"
    tables.restore(call(side, "a", "nosuch"))
    assert not side.exists()
    other = tmp_path / "made-before"
    other.mkdir()
    tables.perform(call(other, "a"))
    tables.restore(call(other, "a"))
    assert list(other.iterdir()) == []


def test_another_end_than_the_point_gives_no_tables(tmp_path: Path) -> None:
    """Recovery ends at the end of the log without a word where a name is not met."""
    with pytest.raises(ActError, match="recovery ended at"):
        tables.perform(call(tmp_path / "side", "a", lsn="0/B000000"))
