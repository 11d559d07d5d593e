"""What may be filled."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from clmdeploy.lab.fill import Filling
from clmdeploy.model.errors import UsageError


@pytest.mark.parametrize("path", ["/", "releases", "/opt/../etc", "/opt/a,b", "/opt/a:b", "/opt/a\nb"])
def test_a_path_that_mount_would_misread_is_refused(path: str) -> None:
    """The root, relative paths, and paths with characters that have a meaning in mount options are refused."""
    with pytest.raises(UsageError, match="can't be filled"):
        Filling(PurePosixPath(path), 0)


def test_paths_never_share_a_place() -> None:
    """Paths that look alike once their slashes are replaced still get places of their own."""
    paths = ("/opt/clm/releases", "/opt/clm%2Freleases", "/opt%/clm/releases")
    assert len({Filling(PurePosixPath(path), 0).home for path in paths}) == 3
