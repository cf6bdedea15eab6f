"""Processes that may be killed: forked from one that has imported everything, so that each takes milliseconds."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Any

import anyio

from agentkit import Agent, PostgresStore, RemoteModel, RunState, SQLiteStore
from agentkit.chat import UserMessage
from agentkit.journal import Result, Started
from agentkit.testing import FakeServer
from tests.invariants import check_invariants

from .golden import EXPECTED, WRITES
from .worker import CONFLICT, Task, work

PATIENCE = 60  # seconds in which every process has ended
# Each process imports the main module anew, which is pytest.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["pytest", "tests.faults.worker", "tests.faults.warm"])


class Worker:
    """A process that begins its task when `go` is called."""

    def __init__(self, task: Task) -> None:
        self.pipe: Connection
        self.pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=work, args=(task, theirs))
        self.process.start()
        theirs.close()

    def go(self) -> None:
        self.pipe.send("go")

    def kill(self) -> bool:
        """Whether it lived when it was killed."""
        self.process.kill()
        self.process.join()
        return self.process.exitcode == -9

    def ended(self, *codes: int) -> int:
        """Its exit code, one of these; what it told is in `told`."""
        self.process.join(PATIENCE)
        self.told: Any = None
        try:
            if self.pipe.poll():
                self.told = self.pipe.recv()
        except EOFError:
            pass
        code = self.process.exitcode
        assert code in codes, f"exit code {code}: {self.told}"
        return int(code or 0)

    def close(self) -> None:
        self.kill()
        self.process.close()
        self.pipe.close()


@contextmanager
def workers(task: Task, count: int = 1) -> Iterator[list[Worker]]:
    """Processes for one task that begin together, ended whatever happens."""
    made = [Worker(task) for _ in range(count)]
    try:
        for worker in made:
            worker.go()
        yield made
    finally:
        for worker in made:
            worker.close()


def run_alone(task: Task) -> None:
    """One process goes on with the run to its end."""
    with workers(task) as (worker,):
        worker.ended(0)


def race(task: Task) -> list[int]:
    """The exit codes of two processes that go on with one run at the same time; the run has ended then.

    Each runs, decides what waits and runs again. Whoever comes too late conflicts; when the late one still held the
    journal as the other came back with its decision, both do, and whoever loads it next goes on.
    """
    with workers(task, 2) as made:
        codes = sorted(worker.ended(0, CONFLICT) for worker in made)
    if codes == [CONFLICT, CONFLICT]:
        run_alone(task)
    return codes


def first_ended(made: list[Worker]) -> Worker:
    """The process that ends first."""
    ready = wait([worker.process.sentinel for worker in made], PATIENCE)
    assert ready, "no process ended"
    return next(worker for worker in made if worker.process.sentinel in ready)


def checked(task: Task) -> RunState:
    """What the store holds in the end: nothing lost, no write effect done twice, and a history that can be sent."""

    async def load() -> RunState:
        kind = PostgresStore if task.database.startswith("postgresql:") else SQLiteStore
        async with kind(task.database) as store:
            return await store.session(task.folder.name).load()

    state = anyio.run(load)
    check_invariants(state)
    assert state.final is not None
    assert state.final.text == "done"
    assert state.open_calls == []
    effects = task.effects.read_text().splitlines()
    writes = [line for line in effects if line.split()[0] in WRITES]
    assert {line: n for line, n in Counter(writes).items() if n > 1} == {}
    started = sum(isinstance(entry, Started) for entry in state.entries)
    assert len(writes) <= started
    unknown = sum(str(m.content).startswith("unknown") for m in state.messages if m.role == "tool")
    missing = sum(EXPECTED.values()) - len(writes)
    assert missing <= unknown, "an effect that never happened was reported as done"
    assert sum(isinstance(entry, Result) for entry in state.entries) + unknown >= started, "an effect was forgotten"
    return state


def accepted(state: RunState, server: FakeServer) -> None:
    """A strict server takes the history, sent over HTTP."""
    agent = Agent(RemoteModel("m", base_url=server.base_url))
    assert agent.run_sync([*state.messages, UserMessage(content="and now?")]).output == "taken"
    assert server.problems == []
