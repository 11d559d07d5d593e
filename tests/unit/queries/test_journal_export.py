"""An exported journal is checked by an outsider with what docs/json.md tells, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clmdeploy.adapters.openssh import OpenSshSigner, OpenSshVerifier
from clmdeploy.queries.journal_export import JournalExport
from tests.unit.changes.conftest import FakeSigner, Stage, make_plan, prepared

DOCS = Path(__file__).parents[3] / "docs" / "json.md"
Edit = Callable[[list[str]], None]


@dataclass
class RealSigner(FakeSigner):
    """Signs and verifies with OpenSSH's own keys, made in `place`."""

    place: Path = field(default_factory=Path)

    def sign(self, namespace: str, data: bytes) -> bytes:
        return OpenSshSigner(self.place / "key").sign(namespace, data)

    def verify(self, namespace: str, data: bytes, signature: bytes) -> str:
        return OpenSshVerifier(self.place / "allowed_signers").verify(namespace, data, signature)


@pytest.fixture
def exported(tmp_path: Path) -> Iterator[Path]:
    """A directory with allowed_signers and journal.jsonl: two changes, the second resumed."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True, timeout=30)
    (tmp_path / "allowed_signers").write_text(f"admin@lab {(tmp_path / 'key.pub').read_text()}")
    stage = prepared(Stage(signer=RealSigner(place=tmp_path)))
    for change in ("c1", "c2"):
        stage.conductor().begin(change, stage.signed(make_plan(migrate=False)), "why", 0)
        for name in ("app1", "app2"):
            stage.hosts.host(name).current = "1.0.0-aaaaaaaa"
    lines = JournalExport(stage.journal).lines()
    (tmp_path / "journal.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    return tmp_path


def checked(place: Path) -> subprocess.CompletedProcess[str]:
    """Run the commands of the page as they stand there."""
    (script,) = re.findall(r"^```sh\n(set -eu.*?)^```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return subprocess.run(["sh", "-c", script], cwd=place, capture_output=True, text=True, timeout=60, check=False)


def test_the_documented_commands_pass_on_a_true_journal(exported: Path) -> None:
    """Every digest, every link and the signature."""
    done = checked(exported)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Good "clmdeploy.journal" signature for admin@lab' in done.stdout


def swap(lines: list[str]) -> None:
    """Two events change places."""
    lines[2], lines[3] = lines[3], lines[2]


def edit(lines: list[str]) -> None:
    """One word is another."""
    lines[4] = lines[4].replace('"principal":"first"', '"principal":"other"')


def edit_head(lines: list[str]) -> None:
    """Somebody owes nothing any more, or does."""
    lines[-1] = lines[-1].replace('"owed":{}', '"owed":{"app1":"c1"}')


@pytest.mark.parametrize(
    "tamper", [swap, edit, edit_head, lambda it: it.pop(3), lambda it: it.pop(0), lambda it: it.pop(-2)]
)
def test_they_fail_on_any_other(exported: Path, tamper: Edit) -> None:
    """Edited, swapped, left out; an edited head."""
    file = exported / "journal.jsonl"
    before = file.read_text()
    lines = before.splitlines(keepends=True)
    tamper(lines)
    file.write_text("".join(lines))
    assert file.read_text() != before
    assert checked(exported).returncode != 0
