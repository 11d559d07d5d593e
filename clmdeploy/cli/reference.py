"""The command reference, docs/commands.md: generated from the commands' own help, so that it can't be wrong.

`python -m clmdeploy.cli.reference > docs/commands.md`
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from clmdeploy.cli.main import cli

WIDTH = 100
_HEAD = """# Commands

Generated from the commands' own help by `python -m clmdeploy.cli.reference`; a test compares.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_pages(cli, click.Context(cli, info_name="clmdeploy", **cli.context_settings))])


def _pages(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = context.max_content_width = WIDTH
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _pages(below, click.Context(below, info_name=name, parent=context))


if __name__ == "__main__":
    click.echo(reference(), nl=False)
