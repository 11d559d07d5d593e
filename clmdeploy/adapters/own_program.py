"""What runs here as one archive for another host: a wheel of clmdeploy, the hashes of all that it needs, and wheels.

The same sources always give the same bytes, so that their digest names the installation.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import clmdeploy
from clmdeploy import __version__
from clmdeploy.adapters.playbook_files import playbooks_directory
from clmdeploy.model.bilingual import Bilingual
from clmdeploy.model.errors import InvalidInput
from clmdeploy.model.value import sha256_hex

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LARGEST = 400 * 1024 * 1024  # bytes of wheels
_ENTRY_POINTS = "[console_scripts]\nclmdeploy = clmdeploy.cli.main:main\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: clmdeploy\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class OwnProgram:
    """One archive. `offline`: it has the wheels of everything else too."""

    archive: bytes
    offline: bool

    @property
    def directory(self) -> str:
        """Its name on a host: version and digest."""
        return f"{__version__}-{self.sha256[:8]}"

    @property
    def sha256(self) -> str:
        return sha256_hex(self.archive)

    @property
    def key(self) -> str:
        """Where it lies in the release bucket."""
        return f"clmdeploy/{self.directory}/program.zip"


def own_program(wheelhouse: Path | None = None) -> OwnProgram:
    """`wheelhouse`: a directory of wheels, for a host that reaches no package index.

    Raises InvalidInput when this installation has not the list of what it needs, or the directory is no wheelhouse.
    """
    wheels = _wheels(wheelhouse) if wheelhouse is not None else {}
    name = f"clmdeploy-{__version__}-py3-none-any.whl"
    members = {name: own_wheel(), "requirements.txt": requirements(), **wheels}
    return OwnProgram(_zip(members, zipfile.ZIP_STORED), offline=wheelhouse is not None)


@cache
def own_wheel() -> bytes:
    """The running clmdeploy as a wheel (PyPA, binary distribution format)."""
    package, playbooks = Path(clmdeploy.__file__).parent, playbooks_directory()
    members = {f"clmdeploy/{name}": content for name, content in _tree(package).items()}
    members |= {f"clmdeploy/playbooks/{name}": content for name, content in _tree(playbooks).items()}
    members["clmdeploy/requirements.txt"] = requirements()
    folder = f"clmdeploy-{__version__}.dist-info"
    members |= {
        f"{folder}/METADATA": _metadata(), f"{folder}/WHEEL": _WHEEL.encode(),
        f"{folder}/entry_points.txt": _ENTRY_POINTS.encode(),
    }  # fmt: skip
    record = f"{folder}/RECORD"
    lines = [f"{name},{_digest(content)},{len(content)}" for name, content in sorted(members.items())]
    members[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    return _zip(members, zipfile.ZIP_DEFLATED)


def requirements() -> bytes:
    """Everything that clmdeploy needs, each in one version with its hashes: inside the package, or in a checkout."""
    package = Path(clmdeploy.__file__).parent
    for path in (package / "requirements.txt", package.parent / "requirements" / "run.txt"):
        if path.is_file():
            return path.read_bytes()
    raise InvalidInput(f"{package}: this installation has no requirements.txt", "install clmdeploy from its wheel")


def _metadata() -> bytes:
    try:
        text = distribution("clmdeploy").read_text("METADATA")
    except PackageNotFoundError:
        text = None
    return (text or f"Metadata-Version: 2.1\nName: clmdeploy\nVersion: {__version__}\n").encode()


def _tree(root: Path) -> Mapping[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def _wheels(directory: Path) -> Mapping[str, bytes]:
    found = sorted(directory.glob("*.whl")) if directory.is_dir() else []
    if not found:
        raise InvalidInput(
            Bilingual(f"{directory}: holds no wheels", f"{directory}: колёс (wheel) там нет"),
            "pip download --require-hashes --only-binary :all: -r requirements.txt -d DIR",
        )
    size = sum(path.stat().st_size for path in found)
    if size > _LARGEST:
        raise InvalidInput(f"{directory}: {size} bytes of wheels, more than {_LARGEST}")
    return {f"wheels/{path.name}": path.read_bytes() for path in found}


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _zip(members: Mapping[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in sorted(members.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, method)
    return buffer.getvalue()
