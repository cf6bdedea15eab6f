"""The table of commands, and what becomes of their outcomes: exit codes and messages."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from agentkit.errors import AgentKitError, ConfigurationError

from .terminal import complain

COMMANDS = {  # name, which is its module's: its one line of help, told without importing the module
    "run": "Run an agent on a text and print its answer.",
    "chat": "Talk to an agent.",
    "tools": "Show an agent's tools as the model sees them.",
    "serve": "Serve agents as a Chat Completions endpoint.",
    "trace": "Show what runs did, out of a store or a trace file.",
    "eval": "Score what an agent does over cases, and write a report.",
    "graph": "Draw which agents hand over to which, or ask which.",
    "doctor": "Ask an endpoint what it supports.",
}
OK, FAILED, USAGE, WAITS, INTERRUPTED = 0, 1, 2, 3, 130


class Commands(click.Group):
    """Commands by name, imported when they are called; `main` turns what they raise into messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `command` of the module of that name."""
        if cmd_name not in COMMANDS:
            near = difflib.get_close_matches(cmd_name, COMMANDS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise click.UsageError(
                f"there is no command {cmd_name!r}{hint} The commands are: {', '.join(COMMANDS)}", ctx
            )
        command: click.Command = importlib.import_module(f"{__package__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Out of the table, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Call the command and exit."""
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            code = USAGE
        except (KeyboardInterrupt, click.Abort):
            complain("interrupted")
            code = INTERRUPTED
        except ConfigurationError as error:
            complain(f"error: {error}")
            code = USAGE
        except AgentKitError as error:
            complain(f"error: {type(error).__name__}: {error}")
            code = FAILED
        except BrokenPipeError:  # whoever read our output has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = FAILED
        sys.exit(code or OK)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="TARGET is module:name, file.py:name, or a file with one agent in it. Keys come from the environment alone: "
    "AGENTKIT_BASE_URL and AGENTKIT_API_KEY, or OPENAI_API_KEY. Exit codes: 0 done, 1 the run failed, 2 wrong usage or "
    "set-up, 3 the run waits for somebody, 130 interrupted.",
)
@click.version_option(package_name="agentkit", message="%(version)s")
def agentkit() -> None:
    """Run, serve and watch agents."""
