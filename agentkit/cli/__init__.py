"""The command line: one file a command, imported when it is called."""

import importlib.util
import sys

from agentkit.errors import missing_extra


def main() -> None:
    """Run the command that the arguments name. Exits with 0, or as the commands' help says."""
    if importlib.util.find_spec("click") is None or importlib.util.find_spec("rich") is None:
        sys.exit(f"{missing_extra('the command line', 'cli')}")
    from .commands import agentkit

    agentkit.main(prog_name="agentkit")
