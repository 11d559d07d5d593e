"""The acts as one program: a small zip archive that travels with each request to the guard.

The same sources always give the same bytes; their digest is one of a plan's inputs.
"""

from __future__ import annotations

import base64
import io
import zipfile
from functools import cache
from importlib.resources import files

_ENTRY = "import sys\nfrom acts.main import main\nsys.exit(main(sys.argv))\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@cache
def acts_program() -> bytes:
    """Bytes of the archive that Python runs on the hosts."""
    folder = files("clmdeploy.hostside") / "acts"
    sources = {f"acts/{one.name}": one.read_bytes() for one in folder.iterdir() if one.name.endswith(".py")}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted({**sources, "__main__.py": _ENTRY.encode()}.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@cache
def acts_program_text() -> str:
    """The archive as base64, as the guard's request carries it."""
    return base64.b64encode(acts_program()).decode()


def guard_source() -> bytes:
    """The guard itself, as `host setup` installs it."""
    return (files("clmdeploy.hostside") / "guard.py").read_bytes()
