"""PostgresStore: owners on other connections, a server that breaks off, and what can be wrong with a database."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest

from agentkit import Agent, PostgresStore, ScriptedModel, SessionConflict, StoreError, tool
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

HOLD = """
import sys, anyio
from agentkit import PostgresStore
async def main():
    async with PostgresStore(sys.argv[1]) as store, store.hold("a"):
        print("held", flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""


@tool
async def pay(amount: int) -> str:
    """Pay."""
    return "paid"


async def test_an_owner_in_another_process_lives_as_long_as_its_connection(dsn: str) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, dsn], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    async with PostgresStore(dsn) as store:
        with pytest.raises(SessionConflict, match="on another connection"):
            async with store.hold("a"):
                pass
        async with store.hold("b"), store.hold("a", take_over=True):
            pass
        other.kill()
        other.communicate()
        for _ in range(100):  # the server notices a moment later
            try:
                async with store.hold("a"):
                    break
            except SessionConflict:
                continue
        else:
            pytest.fail("the lock of a killed owner is kept")


async def test_a_connection_that_was_cut_is_an_error_and_the_next_one_works(dsn: str) -> None:
    agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done", "again"]), tools=[pay])
    async with PostgresStore(dsn) as store:
        session = store.session("a")
        await agent.run("pay", session=session)
        with psycopg.connect(dsn, autocommit=True) as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(others)
        with pytest.raises(StoreError, match="PostgreSQL: "):
            await session.load()
        state = await session.load()
        check_invariants(state)
        assert (await agent.run("once more", session=session)).output == "again"


async def test_two_stores_at_once_make_the_tables_once_and_a_newer_version_is_refused(dsn: str) -> None:
    async with PostgresStore(dsn) as one, PostgresStore(dsn) as two:
        await one.append("a", 0, [b"{}"])
        assert await two.load("a") == [b"{}"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE agentkit_version SET version = 2")
    with pytest.raises(StoreError, match="has version 2; this agentkit reads version 1"):
        await PostgresStore(dsn).load("a")


async def test_a_database_that_is_not_there_is_a_store_error_and_no_password_is_shown() -> None:
    store = PostgresStore("postgresql://me:secret-word@127.0.0.1:1/none")
    assert "secret-word" not in repr(store)
    with pytest.raises(StoreError, match="PostgreSQL: OperationalError") as raised:
        await store.load("a")
    assert "secret-word" not in str(raised.value)
