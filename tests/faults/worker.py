"""One process that runs, or goes on with, the golden run; its tools append to a file. It may die at a moment of its own."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio

from agentkit import Context, PostgresStore, SessionConflict, SQLiteStore
from agentkit.chat import UserMessage
from agentkit.journal import Input

from .golden import Effects, decided, golden_agent

CONFLICT, DIED = 3, 9  # how a process ends


@dataclass(frozen=True)
class Task:
    """What a process does. The folder holds the file of effects, and its name is the session's.

    fatal: the moment at which it dies, by number from 1 or by name; 0 for none. rollback: SQLite without a write-ahead log.
    pause: seconds an effect takes. until: a file that the first effect waits for.
    """

    database: str
    folder: Path
    fatal: int | str = 0
    rollback: bool = False
    pause: float = 0.0
    until: Path | None = None

    @property
    def effects(self) -> Path:
        return self.folder / "effects"


class Moments:
    """The moments of a process by name; at the fatal one it dies as in a loss of power: nothing after it happens."""

    def __init__(self, fatal: int | str) -> None:
        self.fatal = fatal
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.fatal in (len(self.names), name):
            os._exit(DIED)


class FileEffects(Effects):
    """Effects in a file that outlives the process."""

    def __init__(self, task: Task, point: Callable[[str], None]) -> None:
        super().__init__(point)
        self.task = task

    def add(self, name: str, ctx: Context[Any]) -> None:
        self.point(f"before {name}")
        file = os.open(self.task.effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{name} {ctx.idempotency_key}\n".encode())
        os.close(file)
        time.sleep(self.task.pause)
        while self.task.until is not None and not self.task.until.exists():
            time.sleep(0.001)
        self.point(f"after {name}")


class WithoutLog(sqlite3.Connection):
    """A file where SQLite cannot have its write-ahead log, as on most network drives."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("journal_mode = WAL", "journal_mode = DELETE"), *parameters)


class MarkedStore(SQLiteStore):
    """Tells the moments before, inside and after each commit."""

    def __init__(self, path: str, rollback: bool, point: Callable[[str], None]) -> None:
        super().__init__(path)
        self._kind = WithoutLog if rollback else sqlite3.Connection
        self._point = point

    def _connected(self, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        connection = super()._connected(self._kind)
        connection.set_trace_callback(lambda sql: self._point("inside commit") if sql == "COMMIT" else None)
        return connection

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        self._point("before commit")
        await super().append(journal, position, entries)
        self._point("after commit")


def _store(task: Task, point: Callable[[str], None]) -> AbstractAsyncContextManager[SQLiteStore | PostgresStore]:
    if task.database.startswith("postgresql:"):
        return PostgresStore(task.database)
    return MarkedStore(task.database, task.rollback, point)


async def _golden_run(task: Task, moments: Moments) -> None:
    """Run to the end, deciding what waits: what an application does after its restart."""
    agent = golden_agent(FileEffects(task, moments))
    async with _store(task, moments) as store:
        session = store.session(task.folder.name)
        state = await session.load()
        # An empty journal is begun as it was seen: whoever comes second conflicts, and begins no second run.
        begun = state.apply(Input("golden", agent.spec.name, (UserMessage(content="go"),)))
        result = await agent.run(None if state.entries else begun, session=session)
        while result.status == "waiting":
            result = await agent.run(decided(result.state), session=session)


def work(task: Task, pipe: Connection) -> None:
    """Begin when told to, and tell how it ended: the names of the moments, or what went wrong."""
    pipe.recv()
    moments = Moments(task.fatal)
    try:
        anyio.run(_golden_run, task, moments)
    except SessionConflict:
        sys.exit(CONFLICT)
    except BaseException:
        pipe.send(traceback.format_exc())
        sys.exit(1)
    pipe.send(moments.names)
