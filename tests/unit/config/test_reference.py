"""docs/configuration.md is generated, and up to date."""

from __future__ import annotations

from pathlib import Path

from clmdeploy.config.reference import reference


def test_the_committed_page_is_the_generated_one() -> None:
    """Whoever changes the settings model generates the page anew: python -m clmdeploy.config.reference."""
    assert (Path(__file__).parents[3] / "docs" / "configuration.md").read_text() == reference()
