"""worker.py DATABASE EFFECTS: one process that runs, or goes on with, the golden run; tools append to EFFECTS.

It says that it is ready, and begins when it is sent a line: so two can begin at the same time.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import anyio

from agentkit import Context, PostgresStore, SessionConflict, SQLiteStore
from tests.faults.golden import Effects, decided, golden_agent

PAUSE = 0.01  # seconds that an effect takes, so that kills and rivals meet a run in its middle


class FileEffects(Effects):
    """Effects in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def add(self, name: str, ctx: Context[Any]) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{name} {ctx.idempotency_key}\n".encode())
        os.close(file)
        time.sleep(PAUSE)


async def work(database: str, effects: Path) -> None:
    agent = golden_agent(FileEffects(effects))
    kind = PostgresStore if database.startswith("postgresql:") else SQLiteStore
    async with kind(database) as store:
        session = store.session(effects.parent.name)
        state = await session.load()
        result = await agent.run(None if state.entries else "go", session=session)
        while result.status == "waiting":
            result = await agent.run(decided(result.state), session=session)


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        anyio.run(work, sys.argv[1], Path(sys.argv[2]))
    except SessionConflict:
        sys.exit(3)
