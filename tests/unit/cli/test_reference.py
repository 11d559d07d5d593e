"""The command reference says what the commands themselves say."""

from __future__ import annotations

from pathlib import Path

from clmdeploy.cli.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def test_the_command_reference_is_up_to_date() -> None:
    """Every command and option is documented; `python -m clmdeploy.cli.reference > docs/commands.md` renews it."""
    assert PAGE.read_text() == reference()
