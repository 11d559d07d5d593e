"""The root command. `clmdeploy --help` imports click and the standard library only."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from clmdeploy import __version__
from clmdeploy.cli import failures
from clmdeploy.cli.context import Invocation, glance, preferred_language
from clmdeploy.cli.lazy import LazyCommand, LazyGroup
from clmdeploy.model.errors import ClmError, ExitCode

COMMANDS = {
    name: LazyCommand(f"clmdeploy.cli.{name}", name, short_help)
    for name, short_help in {
        "init": "Lay out a new environment: hosts, settings, pinned host keys.",
        "config": "Check an environment's files, show them, print a commented example.",
        "host": "Prepare bare hosts; ask one host or a group.",
        "doctor": "Check everything that must be true before work.",
        "status": "What runs where, and what is still open.",
        "release": "Build, sign, publish and list releases.",
        "deploy": "Roll a release out across an environment.",
        "rollback": "Go back to the release before, with a verdict first.",
        "restore": "Bring database, files and release back.",
        "backup": "Make, list, verify, keep and remove restore points.",
        "schedule": "Backups that run by themselves: install, list, remove.",
        "change": "List, apply, resume or abort pieces of work.",
        "journal": "Read and verify the record of all work.",
        "lease": "Show who holds an environment; hold it by hand, let it go.",
        "lab": "A lab of real hosts on this machine.",
    }.items()
}


@click.group(
    cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--inventories",
    type=click.Path(path_type=Path),
    envvar="CLM_INVENTORIES",
    show_envvar=True,
    help="Directory of the environments.  [default: ./inventories]",
)
@click.option("--lang", type=click.Choice(["ru", "en"]), help="Language of failures and prompts.  [default: from LANG]")
@click.option("--json", is_flag=True, help="Print one JSON object (stable, documented).")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected failure.")
@click.option("--verbose", is_flag=True, help="Show digests, tokens and ledgers too.")
@click.version_option(__version__, prog_name="clmdeploy")
@click.pass_context
def cli(  # each argument is one global option
    context: click.Context,
    inventories: Path | None,
    lang: Literal["ru", "en"] | None,
    json: bool,
    debug: bool,
    verbose: bool,
) -> None:
    """Releases, maintenance and backups of CLM: every piece of work is a change that can be resumed and taken back."""
    language = lang or preferred_language(os.environ)
    context.obj = Invocation(inventories, language, json=json, debug=debug, verbose=verbose)


def main() -> None:
    """The console script: runs the command line and ends the process with its exit code."""
    arguments = sys.argv[1:]
    # What nobody foresaw reaches the interpreter's own hook, which ends with exit code 1: no broad except is needed.
    sys.excepthook = failures.reporter(glance(arguments))
    for stream in (sys.stdout, sys.stderr):
        # A host's odd output or an ASCII terminal must not end a change half-way.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line; every failure that is foreseen becomes its text and its exit code."""
    invocation = glance(arguments)
    try:
        with cli.make_context("clmdeploy", list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        return failures.report_usage(error, invocation)
    except ClmError as error:
        return failures.report(error, invocation)
    except (KeyboardInterrupt, click.Abort):
        return failures.report_interrupt(invocation)
    except BrokenPipeError:
        return failures.silence()
    return ExitCode.DONE
