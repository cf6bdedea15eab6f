"""SQLiteStore: several processes, kills, and files that cannot be written."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import anyio
import pytest

from agentkit import Agent, RunState, ScriptedModel, SessionConflict, StoreError, tool
from agentkit.journal import SQLiteStore
from tests.backends import trio_is_slow
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

APPEND = """
import sys, anyio
from agentkit import SessionConflict, SQLiteStore
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
async def main():
    async with SQLiteStore(path, busy_timeout=60) as store:
        done = 0
        while done < count:
            length = len(await store.load("shared"))
            try:
                await store.append("shared", length, [f'{{"by":"{name}","n":{done}}}'.encode()])
            except SessionConflict:
                continue
            done += 1
anyio.run(main)
"""

RUN = """
import os, sys, anyio
from agentkit import Agent, ScriptedModel, SQLiteStore, tool
path, effects, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])

@tool
async def pay(amount: int) -> str:
    "Pay."
    with open(effects, "a") as file:
        file.write(f"paid {amount}\\n")
    print("started", flush=True)
    await anyio.sleep(seconds)
    return "paid"

agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[pay])
async def main():
    async with SQLiteStore(path) as store:
        print((await agent.run("pay", session=store.session("a"))).output, flush=True)
anyio.run(main)
"""


@tool
async def pay(amount: int) -> str:
    """Pay."""
    return "paid"


def agent() -> Agent[None, str]:
    return Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[pay])


@trio_is_slow
async def test_six_processes_append_to_one_session_without_gap_or_loss(tmp_path: Path) -> None:
    path, count = tmp_path / "s.db", 25
    command = [sys.executable, "-c", APPEND, str(path)]
    processes = [subprocess.Popen([*command, f"p{n}", str(count)], stderr=subprocess.PIPE) for n in range(6)]
    for process in processes:
        _, errors = process.communicate(timeout=100)
        assert (process.returncode, errors) == (0, b"")
    async with SQLiteStore(path) as store:
        rows = [row.decode() for row in await store.load("shared")]
    for number in range(6):
        mine = [row for row in rows if f'"p{number}"' in row]
        assert mine == [f'{{"by":"p{number}","n":{n}}}' for n in range(count)]
    assert len(rows) == 6 * count


@pytest.mark.anyio
async def test_a_new_file_that_another_process_is_writing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # a switch to write-ahead logging meets this lock with an error, without a wait
    loaded: list[list[bytes]] = []

    async def load(store: SQLiteStore) -> None:
        loaded.append(await store.load("x"))

    async with SQLiteStore(path) as store, anyio.create_task_group() as tasks:
        tasks.start_soon(load, store)
        await anyio.sleep(0.1)
        assert not loaded
        other.execute("COMMIT")
    assert loaded == [[]]
    other.close()


def begun(path: Path, effects: Path, seconds: float) -> subprocess.Popen[str]:
    """A process in the middle of a write call."""
    command = [sys.executable, "-c", RUN, str(path), str(effects), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


@trio_is_slow
async def test_a_killed_owner_is_known_dead_at_once_and_its_call_is_unknown_never_repeated(tmp_path: Path) -> None:
    path, effects = tmp_path / "s.db", tmp_path / "effects"
    process = begun(path, effects, 60)
    async with SQLiteStore(path) as store:
        session = store.session("a")
        with pytest.raises(SessionConflict, match=f"process {process.pid} on"):
            await agent().run(None, session=session)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        began = time.monotonic()
        result = await agent().run(None, session=session)
        assert time.monotonic() - began < 5
        assert [(w.tool, w.why) for w in result.waiting] == [("pay", "unknown")]
        assert effects.read_text() == "paid 5\n"
        done = await agent().run(result.state.answer(result.waiting[0], "paid"), session=session)
        assert done.output == "done"
        assert effects.read_text() == "paid 5\n"
        check_invariants(await session.load())


@trio_is_slow
async def test_a_second_process_during_a_live_write_conflicts_and_the_first_ends_well(tmp_path: Path) -> None:
    path, effects = tmp_path / "s.db", tmp_path / "effects"
    process = begun(path, effects, 1.0)
    async with SQLiteStore(path) as store:
        for given in (None, "another question"):
            with pytest.raises(SessionConflict, match="in the hands of a run that lives"):
                await agent().run(given, session=store.session("a"))
        output, _ = process.communicate(timeout=30)
        assert (process.returncode, output) == (0, "done\n")
        assert effects.read_text() == "paid 5\n"
        check_invariants(await store.session("a").load())


async def test_a_file_is_kept_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteStore(path) as store:
        await agent().run("pay", session=store.session("a"))
        store.close()
        again = await store.session("a").load()  # opens it again by itself
    async with SQLiteStore(str(path)) as store:
        assert (await store.session("a").load()).messages == again.messages
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


class Full(SQLiteStore):
    """A disk that is full: SQLite may use no further page."""

    def _open(self) -> sqlite3.Connection:
        connection = super()._open()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection


class ReadOnly(SQLiteStore):
    """A file that is mounted read-only."""

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"file:{self.path}?mode=ro", uri=True, check_same_thread=False, isolation_level=None
            )
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@pytest.mark.parametrize("kind", [Full, ReadOnly])
async def test_a_store_that_cannot_write_stops_the_run_before_the_next_effect(
    kind: type[SQLiteStore], tmp_path: Path
) -> None:
    path, paid = tmp_path / "s.db", list[str]()
    async with SQLiteStore(path) as store:
        await store.append("other", 0, [b"{}"])

    @tool
    async def note(text: str) -> str:
        """Note something long."""
        paid.append(text)
        return "noted"

    long = "x" * 20_000
    model = ScriptedModel([[("note", {"text": long})], [("note", {"text": long + "2"})], "done"])
    async with kind(path) as store:
        with pytest.raises(
            StoreError, match=r"s\.db: OperationalError: (database or disk is full|attempt to write)"
        ) as raised:
            await Agent(model, tools=[note]).run("go", session=store.session("a"))
    assert paid == []
    state = RunState.of(raised.value)
    check_invariants(state)
    again = await Agent(model, tools=[note]).run(RunState.model_validate_json(state.model_dump_json()).messages)
    assert again.output == "done"


async def test_a_locked_a_damaged_and_a_newer_file_are_told_with_their_path(tmp_path: Path) -> None:
    locked = tmp_path / "locked.db"
    async with SQLiteStore(locked, busy_timeout=0.1) as store:
        await store.append("a", 0, [b"{}"])
        other = sqlite3.connect(locked, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked\.db: OperationalError: database is locked"):
            await store.append("a", 1, [b"{}"])
        other.execute("ROLLBACK")
        other.close()
        await store.append("a", 1, [b"{}"])
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database at all, however you look at it" * 100)
    with pytest.raises(StoreError, match=r"damaged\.db: DatabaseError: file is not a database"):
        await SQLiteStore(damaged).load("a")
    newer = tmp_path / "newer.db"
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(StoreError, match=r"newer\.db has version 3; this agentkit reads version 2"):
        await SQLiteStore(newer).load("a")
    with pytest.raises(StoreError, match="unable to open database file"):
        await SQLiteStore(tmp_path / "no" / "folder.db").load("a")


async def test_a_file_of_version_1_is_read_and_its_entries_have_no_times(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteStore(path) as store:
        await store.append("a", 0, [b"{}"])
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE entries DROP COLUMN at")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    before = time.time()
    async with SQLiteStore(path) as store:
        await store.append("a", 1, [b"{}"])
        assert await store.load("a") == [b"{}", b"{}"]
        old, new = await store.times("a")
    assert old is None
    assert new is not None
    assert before - 1 < new < time.time() + 1


async def test_a_row_that_is_no_entry_is_told(tmp_path: Path) -> None:
    async with SQLiteStore(tmp_path / "s.db") as store:
        await store.append("a", 0, [b'{"kind":"surprise"}'])
        with pytest.raises(StoreError, match=r"session 'a' is damaged at entry 0"):
            await store.session("a").load()


class Counting(SQLiteStore):
    """Counts the steps of SQLite's virtual machine: time that no busy machine changes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.steps = 0

    def _connected(self, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
        def step() -> None:
            self.steps += 1

        connection = super()._connected(kind)
        connection.set_progress_handler(step, 1)
        return connection

    async def cost(self, work: Awaitable[object]) -> int:
        before = self.steps
        await work
        return self.steps - before


async def test_a_session_costs_by_its_own_length_whatever_else_is_in_the_file(tmp_path: Path) -> None:
    rows = [b"{}"] * 50
    async with Counting(tmp_path / "s.db") as store:
        await store.append("s", 0, rows)
        alone = await store.cost(store.load("s"))
        early = await store.cost(store.append("s", 50, rows[:1]))
        for number in range(200):
            await store.append(f"other {number}", 0, rows)
        await store.append("s", 51, [b"{}"] * 3949)
        assert await store.cost(store.append("s", 4000, rows[:1])) == early
        assert abs(await store.cost(store.load("other 100")) - alone) <= 5  # of hundreds
        assert abs(await store.cost(store.load("s", 3951)) - alone) <= 5
        assert await store.cost(store.load("s")) > 50 * alone > 0
