"""The command line: one file a command, imported when it is called."""

import importlib.util
import os
import sys
import threading

from agentkit.errors import missing_extra


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    if importlib.util.find_spec("click") is None or importlib.util.find_spec("rich") is None:
        print(missing_extra("the command line", "cli"), file=sys.stderr)
        sys.exit(2)
    from .commands import agentkit

    try:
        agentkit.main(prog_name="agentkit")
    except SystemExit as end:
        if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
            # A tool that was given up still runs in its thread, which Python would wait for.
            sys.stdout.flush()
            os._exit(end.code if isinstance(end.code, int) else 1)
        raise
