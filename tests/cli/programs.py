"""The command line as a program, and the agents that its tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from agentkit.cli.commands import agentkit as group

PROGRAM = [sys.executable, "-W", "error", "-c", "from agentkit.cli import main; main()"]

DESK = '''
"""A desk with one tool that reads and one that needs approval."""
import time

from agentkit import Agent, Limits, ScriptedModel, Tool, tool

DONE = []

@tool(effect="read")
def look_up(order: int) -> str:
    """Look an order up.

    Args:
        order: Its number
    """
    return f"order {order}: a lamp"

@tool(approval=True)
def refund(order: int, why: str = "broken") -> str:
    """Give money back.

    Args:
        order: The number
        why: The reason
    """
    return f"refunded order {order}"

@tool(effect="read")
def sleep_long() -> str:
    """Sleep."""
    time.sleep(30)
    return "slept"

agent = Agent("offline", name="desk", tools=[look_up, refund, sleep_long])
'''


def environment(**variables: str) -> dict[str, str]:
    """This environment without keys and without wishes about colours."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("AGENTKIT_", "OPENAI_", "NO_COLOR", "FORCE_COLOR"))
    }
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "100", **variables}


def called(*arguments: str, given: str | None = None) -> Result:
    """Call the command in this process, in the folder where it stands; what it imported is forgotten again."""
    ours = {file.stem for file in Path.cwd().glob("*.py")} & sys.modules.keys()
    others = {name: sys.modules.pop(name) for name in ours}  # of the same name, imported by a test before
    path, modules = [*sys.path], {*sys.modules}
    try:
        return CliRunner(env={"COLUMNS": "100"}).invoke(group, arguments, input=given)
    finally:
        sys.path[:] = path
        for name in {*sys.modules} - modules:
            if getattr(sys.modules[name], "__file__", None) and str(Path.cwd()) in str(sys.modules[name].__file__):
                del sys.modules[name]
        sys.modules.update(others)


def agentkit(
    folder: Path, *arguments: str, given: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does who is in this folder."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
    )
