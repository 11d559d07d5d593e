"""The database is closed to everybody but its own account, and opened as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import door, postgres
from clmdeploy.hostside.acts.call import ActError, Call

RULES = """# ours
local all all peer
host replication repl 10.0.0.0/8 scram-sha-256
host all all 10.0.0.0/8 scram-sha-256
"""


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stopped cluster's pg_hba.conf."""
    file = tmp_path / "pg_hba.conf"
    file.write_text(RULES)
    file.chmod(0o640)
    monkeypatch.setattr(postgres, "answers", lambda _arguments: False)
    monkeypatch.setattr(postgres, "owner", lambda _arguments: "postgres")
    return file


def call(rules: Path, state: str, before: str = "open") -> Call:
    arguments = {"data": str(rules.parent), "port": 5432, "state": state}
    return Call(act="door", verb="perform", arguments=arguments, before={"state": before}, secrets={})


def test_its_own_account_comes_before_the_refusal_of_all_others(rules: Path) -> None:
    """Rules are read from above; replication is no database, so `all` does not mean it."""
    door.perform(call(rules, "closed"))
    first = [line for line in rules.read_text().splitlines() if not line.startswith("#")][:3]
    assert first == ["local all postgres peer", "local all all reject", "host all all all reject"]
    assert rules.stat().st_mode & 0o777 == 0o640
    assert door.probe(call(rules, "closed")) == {"state": "done"}


def test_it_is_opened_byte_for_byte_as_it_was(rules: Path) -> None:
    """However often it was closed, and by undo as well."""
    for _ in range(2):
        door.perform(call(rules, "closed"))
    door.perform(call(rules, "open"))
    assert rules.read_text() == RULES
    door.perform(call(rules, "closed"))
    door.restore(call(rules, "closed"))
    assert rules.read_text() == RULES


def test_a_block_that_somebody_edited_is_not_guessed_at(rules: Path) -> None:
    """Lines of theirs might go with it."""
    rules.write_text(door.BEGIN + RULES)
    with pytest.raises(ActError, match="by hand"):
        door.perform(call(rules, "open"))


def test_a_link_that_was_planted_leads_root_nowhere(rules: Path, tmp_path: Path) -> None:
    """The database's account may write where its rules are."""
    victim = tmp_path / "sudoers"
    victim.write_text("root ALL=(ALL) ALL\n")
    (tmp_path / ".pg_hba.conf.clm-new").symlink_to(victim)
    door.perform(call(rules, "closed"))
    assert victim.read_text() == "root ALL=(ALL) ALL\n"
    assert not rules.is_symlink()
    rules.unlink()
    rules.symlink_to(victim)
    with pytest.raises((ActError, OSError)):
        door.perform(call(rules, "open"))
    assert victim.read_text() == "root ALL=(ALL) ALL\n"


def test_only_a_file_of_the_databases_account_is_changed(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its rules are, the server says itself."""
    strange = rules.parent / "shadow"
    strange.write_text(RULES)
    os.chown(strange, 12345, 12345)
    monkeypatch.setattr(postgres, "hba_file", lambda _arguments: str(strange))
    with pytest.raises(ActError, match="no file of the database's account"):
        door.perform(call(rules, "closed"))
    assert strange.read_text() == RULES
