"""What a cancelled or broken run leaves behind in a store: nothing that keeps others out, and nothing open."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, PostgresStore, ScriptedModel, SQLiteStore, tool

pytestmark = pytest.mark.anyio


async def cancelled_in_its_tool(store: Any) -> None:
    """A run that somebody cancels while its tool works."""
    began = anyio.Event()

    @tool
    async def wait() -> str:
        """Waits for ever."""
        began.set()
        await anyio.sleep_forever()
        return "never"

    agent = Agent(ScriptedModel([[("wait", {})], "done"]), tools=[wait])
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: agent.run("go", session=store.session("a")))
        await began.wait()
        group.cancel_scope.cancel()


def open_files(path: Path) -> list[str]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [target for link in links if str(path) in (target := os.readlink(link))]  # noqa: PTH115  (text of any kind)


async def test_a_cancelled_run_leaves_its_session_to_every_process(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteStore(path) as store:
        await cancelled_in_its_tool(store)
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT run FROM journals").fetchall() == [(None,)]
        connection.close()


async def test_a_cancelled_run_gives_its_advisory_lock_back(dsn: str) -> None:
    async with PostgresStore(dsn) as store, PostgresStore(dsn) as elsewhere:
        await cancelled_in_its_tool(store)
        async with elsewhere.hold("a"):
            pass


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
async def test_a_store_is_closed_though_its_block_is_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with anyio.CancelScope() as scope:
        async with SQLiteStore(path) as store:
            await store.append("a", 0, [b"{}"])
            assert open_files(path) != []
            scope.cancel()
    assert open_files(path) == []


async def test_connections_are_closed_though_the_block_is_cancelled(dsn: str) -> None:
    import psycopg

    def others() -> int:
        with psycopg.connect(dsn, autocommit=True) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            row = connection.execute(query).fetchone()
            return int(row[0]) if row is not None else -1

    with anyio.CancelScope() as scope:
        async with PostgresStore(dsn) as store:
            await store.append("a", 0, [b"{}"])
            assert others() == 1
            scope.cancel()
    until = time.monotonic() + 20
    while others() and time.monotonic() < until:  # the server notices a moment later
        time.sleep(0.01)
    assert others() == 0


async def test_a_store_takes_at_most_eight_connections(dsn: str) -> None:
    import psycopg

    most, over = 0, threading.Event()

    def count() -> None:
        nonlocal most
        with psycopg.connect(dsn, autocommit=True) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid()"
            while not over.is_set():
                row = connection.execute(query).fetchone()
                most = max(most, int(row[0]) if row is not None else 0)

    async with PostgresStore(dsn) as store:
        await store.load("a")
        counter = threading.Thread(target=count)
        counter.start()
        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(store.append, f"s{number}", 0, [b"{}"] * 50)
        over.set()
        counter.join()
    assert 1 <= most <= 8


async def test_a_run_whose_end_could_not_be_written_down_is_over_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    async with SQLiteStore(path, busy_timeout=0.1) as store:
        async with store.hold("a"):
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        other.close()
        async with store.hold("a"):
            pass
