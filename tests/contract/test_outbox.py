"""What an outbox promises: the fake, and a directory of this account."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from clmdeploy.adapters.memory_notices import MemoryOutbox
from clmdeploy.adapters.outbox import DirectoryOutbox
from clmdeploy.model.errors import InvalidInput
from clmdeploy.notices.ports import MOST_KEPT, Kept, Outbox
from tests.unit.notices.examples import notice


def kept(number: int, tries: int = 1) -> Kept:
    waiting = {"mail": ("duty@example.com",)}
    told = notice(nonce=f"{number:016x}")
    return Kept(notice=told, waiting=waiting, tries=tries, since=float(number), not_before=float(number))


@pytest.fixture(params=["memory", "directory"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Outbox:
    return MemoryOutbox() if request.param == "memory" else DirectoryOutbox(tmp_path / "state" / "lab")


def test_what_is_kept_is_there_oldest_first(outbox: Outbox) -> None:
    """As it was, in the order in which it happened; a notice that is kept again replaces itself."""
    for one in (kept(2), kept(1), kept(2, tries=3)):
        outbox.keep(one)
    assert list(outbox.kept()) == [kept(1), kept(2, tries=3)]


def test_what_is_dropped_is_gone(outbox: Outbox) -> None:
    """And dropping twice is no fault."""
    outbox.keep(kept(1))
    for _ in range(2):
        outbox.drop(kept(1).notice.id)
    assert list(outbox.kept()) == []


def test_what_was_told_is_remembered(outbox: Outbox) -> None:
    """By its key, and no other."""
    assert not outbox.was_told("c1 open")
    outbox.remember("c1 open")
    assert outbox.was_told("c1 open")
    assert not outbox.was_told("c1 stopped")
    outbox.forget("c1 open")
    assert not outbox.was_told("c1 open")


def test_one_process_at_a_time_sends(outbox: Outbox) -> None:
    """Whoever is alone with it is told so."""
    outbox.keep(kept(1))
    with outbox.mine() as mine:
        assert mine


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryOutbox:
    return DirectoryOutbox(tmp_path / "state" / "lab")


def test_nobody_else_reads_it(directory: DirectoryOutbox) -> None:
    """Directory 0700, files 0600: hosts' messages stand in notices."""
    directory.keep(kept(1))
    directory.remember("c1")
    assert directory.place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.place.iterdir()} == {0o600}


def test_a_second_process_leaves_it_alone(directory: DirectoryOutbox) -> None:
    """While another process sends, nothing is sent twice and nobody waits."""
    directory.keep(kept(1))
    with (directory.place / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with directory.mine() as mine:
            assert not mine


def test_looking_makes_nothing(directory: DirectoryOutbox) -> None:
    """An account that never had a notice to keep gets no directory."""
    with directory.mine() as mine:
        assert not mine
    assert not directory.was_told("c1")
    assert list(directory.kept()) == []
    assert not directory.place.exists()


def test_it_does_not_grow_without_end(outbox: Outbox) -> None:
    """The oldest go, and whoever kept one more is told which."""
    for number in range(MOST_KEPT):
        assert list(outbox.keep(kept(number))) == []
    for number in range(3):
        assert list(outbox.keep(kept(MOST_KEPT + number))) == [kept(number).notice]
    found = outbox.kept()
    assert len(found) == MOST_KEPT
    assert found[-1] == kept(MOST_KEPT + 2)


@pytest.mark.parametrize("rubbish", ["", "{}", "[1, 2", json.dumps({"notice": "x"})])
def test_rubbish_stands_in_nobodys_way(directory: DirectoryOutbox, rubbish: str) -> None:
    """A file that can't be understood is removed, and the others are found."""
    directory.keep(kept(1))
    directory.remember("c1")
    (directory.place / "kept-00.json").write_text(rubbish)
    (directory.place / "told.json").write_text(rubbish)
    assert list(directory.kept()) == [kept(1)]
    assert not directory.was_told("c1")
    assert not (directory.place / "kept-00.json").exists()


def test_a_place_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    """With the remedy."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(InvalidInput, match="can't be used") as caught:
        DirectoryOutbox(tmp_path / "state" / "lab").keep(kept(1))
    assert "XDG_STATE_HOME" in caught.value.hint
