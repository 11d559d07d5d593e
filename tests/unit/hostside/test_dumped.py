"""Whether a dump can be restored here, before anything is touched: manifest, parts, passphrase, room."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from clmdeploy.hostside.acts import dumped, undump
from clmdeploy.hostside.acts.call import ActError, Call

PART, STORED = "a" * 64, 40


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the gateway serves: `manifest` and `sizes`; `opens`: whether the passphrase here is the right one."""
    manifest = {"database": "clm", "proof": "p", "server": "17.2", "members": {"toc.dat": [[PART, STORED, 20]]}}
    served: dict[str, Any] = {"manifest": manifest, "sizes": {PART: STORED}, "opens": True}

    class Gateway:
        def __init__(self, _address: str) -> None:
            pass

        def get(self, _name: str) -> bytes:
            return json.dumps(served["manifest"]).encode()

        def sizes(self, _folder: str) -> dict[str, int]:
            sizes: dict[str, int] = served["sizes"]
            return sizes

    for module in (undump, dumped):
        monkeypatch.setattr(module, "Gateway", Gateway)
    monkeypatch.setattr(undump, "opens", lambda _proof: served["opens"])
    monkeypatch.setattr(dumped, "PLACE", str(tmp_path / "spool"))
    return served


def asked(manifest: dict[str, Any], **more: Any) -> Call:
    digest = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    arguments = {"gateway": "https://g/", "folder": "pgdump/P", "database": "clm", "digest": digest, **more}
    return Call("dumped", "perform", arguments, {}, {})


def test_a_whole_dump_is_told(folder: dict[str, Any]) -> None:
    """By names and sizes; which server it was of."""
    assert dumped.perform(asked(folder["manifest"])) == {"members": 1, "server": "17.2"}


@pytest.mark.parametrize("sizes", [{}, {PART: STORED - 1}])
def test_a_part_that_is_gone_or_cut_is_named(folder: dict[str, Any], sizes: dict[str, int]) -> None:
    """Before what stands is touched."""
    folder["sizes"] = sizes
    with pytest.raises(ActError, match=f"1 objects are not there as stored, {PART} first"):
        dumped.perform(asked(folder["manifest"]))


def test_the_dump_of_another_database_is_refused(folder: dict[str, Any]) -> None:
    """pg_restore would make it under its own name, and what stood would be dropped for nothing."""
    with pytest.raises(ActError, match=r"a dump of clm, but database\.name is crm"):
        dumped.perform(asked(folder["manifest"], database="crm"))


def test_another_passphrase_is_refused(folder: dict[str, Any]) -> None:
    """It would open the parts into nonsense."""
    folder["opens"] = False
    with pytest.raises(ActError, match=r"backup\.database\.passphrase"):
        dumped.perform(asked(folder["manifest"]))


def test_a_manifest_that_is_not_the_points_is_refused(folder: dict[str, Any]) -> None:
    """Its digest stands in the signed point."""
    with pytest.raises(ActError, match="is not the one that the restore point was made with"):
        dumped.perform(asked(folder["manifest"], digest="0" * 64))
