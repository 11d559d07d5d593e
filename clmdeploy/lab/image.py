"""The Debian image that every host's disk begins as: built once, kept under the digest of its recipe."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from clmdeploy.lab import bake, supervisor
from clmdeploy.lab.cache import built_beside, cache_directory, prune
from clmdeploy.lab.machine import LabError, run_program
from clmdeploy.lab.state import locked

SUITE = "trixie"  # Debian 13, whatever the machine runs
_FALLBACK_MIRROR = "http://deb.debian.org/debian"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_BUILD_LIMIT = 1800  # seconds; 35 with a near mirror
_RECIPE = Path(__file__).parent / "recipe"
# Proxies, and leniency about dates that this machine's mirror may need. Everything else of its apt is its own affair.
_SETTINGS = re.compile(r"Acquire::(Check-[A-Za-z-]+|[a-z]+::Proxy(::\S+)?) ")
_OWN_SETTINGS = 'Acquire::Languages "none";\nAcquire::Retries "0";\nAcquire::http::Timeout "20";\n'


@dataclass(frozen=True)
class Recipe:
    """What decides how the image turns out, mirrors apart."""

    suite: str
    packages: tuple[str, ...]
    post: str

    @classmethod
    def read(cls) -> Recipe:
        """The project's own recipe."""
        packages = (_RECIPE / "packages.txt").read_text().split()
        return cls(SUITE, tuple(packages), (_RECIPE / "post.sh").read_text())

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the image."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def ensure_image(progress: Callable[[str], None], keep: frozenset[Path]) -> Path:
    """The directory of the unpacked image; builds it if need be, and prunes others than those of `keep`.

    Raises LabError when the build fails.
    """
    recipe = Recipe.read()
    home = cache_directory() / "images"
    with locked(home):
        image = home / recipe.digest
        if not image.is_dir():
            progress("building the image (once; a minute or so)")
            with built_beside(image) as scratch:
                _build(recipe, scratch)
        image.touch()
        prune(home, keep | {image}, time.time())
        return image


def _build(recipe: Recipe, target: Path) -> None:
    # Named as scratch directories are, so that the next build clears up after one that was killed.
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as work:
        home = Path(work)
        (home / "memory").mkdir()
        (home / "apt.conf").write_text(apt_settings(run_program(("apt-config", "dump")).stdout))
        (home / "post.sh").write_text(recipe.post)
        source = f"deb [signed-by={_KEYRING}] {mirror(_index_targets())} {recipe.suite} main"
        # If this process is killed, so is the build: pdeathsig ends unshare, and unshare all that it started.
        result = run_program(
            ("setpriv", "--pdeathsig=KILL", *supervisor.NAMESPACES, *supervisor.INTERPRETER, bake.__file__,
             target, home, recipe.suite, source, ",".join(recipe.packages)),
            timeout=_BUILD_LIMIT, check=False,
        )  # fmt: skip
    if result.returncode != 0:
        raise LabError(f"the image could not be built: {result.stderr.strip()[-2000:]}",
                       "check that apt-get update works on this machine, then repeat the command")  # fmt: skip


def apt_settings(dump: str) -> str:
    """Of `apt-config dump`, the lines that the image needs to reach the same mirror."""
    kept = [line for line in dump.splitlines() if _SETTINGS.match(line)]
    return "".join(f"{line}\n" for line in kept) + _OWN_SETTINGS


def _index_targets() -> str:
    words = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    return run_program(words, check=False).stdout


def mirror(repositories: str) -> str:
    """Of the repositories that the machine's apt uses, one a line, the Debian mirror; Debian's own if it has none."""
    found = (line.rstrip("/") for line in repositories.splitlines())
    return next((uri for uri in found if uri.endswith("/debian")), _FALLBACK_MIRROR)
