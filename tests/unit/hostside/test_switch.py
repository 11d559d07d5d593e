"""What a release that does not start said is told, without what it must keep to itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clmdeploy.hostside.acts import record, switch, units
from clmdeploy.hostside.acts.call import ActError, Call
from clmdeploy.hostside.acts.layout import MARK

UNIT = "clm-web.service"
OLD, NEW = "1.0.0-aaaaaaaa", "1.1.0-bbbbbbbb"
SAID = "starting\nFATAL: cannot reach postgresql://clm:s3cret-word@db/clm as hunter2-hunter2\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose systemd takes every word, but does not get the unit started."""
    root, links = tmp_path / "opt", tmp_path / "systemd"
    links.mkdir()
    component = {"name": "web", "group": "app", "units": [UNIT], "before_stop": [], "after_start": [], "health": []}
    for directory, file in ((OLD, "old.env"), (NEW, "shared/clm.env")):
        place = root / "releases" / directory
        (place / "units").mkdir(parents=True)
        (place / "units" / UNIT).write_text("[Service]\n")
        (place / MARK).write_text(json.dumps({"manifest": {"components": [component], "environment_files": [file]}}))
    (root / "current").symlink_to(f"releases/{OLD}")
    (root / "shared").mkdir()
    (root / "shared" / "clm.env").write_text("DATABASE_URL=postgresql://clm:s3cret-word@db/clm\n")
    (root / "old.env").write_text("TOKEN=hunter2-hunter2\n")

    def systemctl(verb: str, *_words: str, check: bool = True) -> str:
        if check and verb == "start":
            raise ActError(f"systemctl start {UNIT}: Job failed")
        return ""

    monkeypatch.setattr(units, "LINKS", str(links))
    monkeypatch.setattr(units, "_systemctl", systemctl)
    monkeypatch.setattr(units, "last_lines", lambda _name: SAID)
    monkeypatch.setattr(record, "read", lambda: {"current": OLD})
    return root


def failure(root: Path) -> str:
    arguments = {"root": str(root), "groups": ["app"], "user": "clm", "directory": NEW, "expect": OLD, "ledger": []}
    with pytest.raises(ActError) as caught:
        switch.perform(Call(act="switch", verb="perform", arguments=arguments, before={}, secrets={}))
    return str(caught.value)


def test_a_unit_that_does_not_start_is_told_without_its_secrets(root: Path) -> None:
    """Its journal is what people need; the values of its environment files, and of those before it, are taken out."""
    said = failure(root)
    assert said == f"systemctl start {UNIT}: Job failed\nstarting\nFATAL: cannot reach *** as ***"


def test_where_its_secrets_are_not_known_nothing_is_told(root: Path) -> None:
    """An environment file that is gone can't say what must not be told. That it failed is told, and why no more."""
    (root / "shared" / "clm.env").unlink()
    said = failure(root)
    assert "s3cret" not in said
    assert said.startswith(f"systemctl start {UNIT}: Job failed\n")
    assert "withheld" in said
