"""What every store must do, and what a session makes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, ConfigurationError, MemoryStore, RunState, ScriptedModel, Session, SessionConflict, tool
from agentkit.journal import Ownership, PostgresStore, Rewound, SQLiteStore
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

STORES = ["memory", "sqlite", "postgres"]
ROWS = [b'{"a":1}', '{"b":"größe"}'.encode(), b"{}"]


Opened = Callable[[], AbstractAsyncContextManager[Any]]


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens an empty store of each kind."""
    dsn = request.getfixturevalue("dsn") if request.param == "postgres" else ""

    @asynccontextmanager
    async def open_() -> AsyncGenerator[Any]:
        if request.param == "memory":
            yield MemoryStore()
            return
        async with PostgresStore(dsn) if dsn else SQLiteStore(tmp_path / "journals.db") as store:
            yield store

    return open_


@tool
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


async def test_entries_are_appended_at_their_position_alone(opened: Opened) -> None:
    async with opened() as store:
        assert await store.load("a") == []
        await store.append("a", 0, ROWS[:2])
        await store.append("a", 2, ROWS[2:])
        await store.append("b", 0, ROWS[:1])
        assert await store.load("a") == ROWS
        assert await store.load("a", 1) == ROWS[1:]
        assert await store.load("a", 3) == []
        for wrong in (0, 2, 4):
            with pytest.raises(SessionConflict, match=f"session 'a' has 3 entries, not {wrong}"):
                await store.append("a", wrong, ROWS)
        assert await store.load("a") == ROWS


async def test_of_many_writers_at_one_position_one_wins(opened: Opened) -> None:
    won: list[int] = []

    async def write(store: Any, number: int) -> None:
        try:
            await store.append("a", 0, [b'{"n":%d}' % number] * 3)
        except SessionConflict:
            return
        won.append(number)

    async with opened() as store:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(write, store, number)
        assert len(won) == 1
        assert await store.load("a") == [b'{"n":%d}' % won[0]] * 3


async def test_journals_are_listed_newest_first_and_forgotten(opened: Opened) -> None:
    async with opened() as store:
        assert await store.journals() == []
        for name in ("a", "b", "c"):
            await store.append(name, 0, ROWS[:1])
        await store.append("a", 1, ROWS[:1])
        assert await store.journals() == ["a", "c", "b"]
        await store.delete("c")
        await store.delete("never there")
        assert await store.journals() == ["a", "b"]
        await store.append("c", 0, ROWS)
        assert await store.load("c") == ROWS


async def test_names_are_data_and_nothing_else(opened: Opened) -> None:
    names = ["'; DROP TABLE entries; --", "../../etc/passwd", "größe 🦉", "%", "a\\b"]
    async with opened() as store:
        for number, name in enumerate(names):
            await store.append(name, 0, [b'{"n":%d}' % number])
        for number, name in enumerate(names):
            assert await store.load(name) == [b'{"n":%d}' % number]
        assert sorted(await store.journals()) == sorted(names)


async def test_a_journal_has_one_living_owner(opened: Opened) -> None:
    async with opened() as store:
        assert isinstance(store, Ownership)
        async with store.hold("a"), store.hold("b"):
            with pytest.raises(SessionConflict, match=r"in the hands of a run that lives .*take_over=True"):
                async with store.hold("a"):
                    pass
            async with store.hold("a", take_over=True):
                pass
        async with store.hold("a"):
            pass
        assert await store.journals() == []


async def test_a_conversation_goes_on_where_it_was(opened: Opened) -> None:
    async with opened() as store:
        session: Session = store.session("user-42")
        agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "paid", "you paid 5"]), tools=[pay])
        await agent.run("pay 5", session=session)
        result = await agent.run("what did I pay?", session=session)
        assert result.output == "you paid 5"
        state = await session.load()
        check_invariants(state)
        assert [m.role for m in state.messages] == ["user", "assistant", "tool", "assistant", "user", "assistant"]
        assert state.messages == result.messages
        assert len((await session.export()).splitlines()) == len(await session.entries()) == state.saved


async def test_a_fork_goes_its_own_way(opened: Opened) -> None:
    async with opened() as store:
        session: Session = store.session("a")
        agent = Agent(ScriptedModel(["one", "two"]))
        await agent.run("1", session=session)
        length = (await session.load()).saved
        fork = await session.fork(id="b")
        await agent.run("2", session=session)
        earlier = await session.fork(length)
        for other in (fork, earlier):
            assert [m.role for m in (await other.load()).messages] == ["user", "assistant"]
        assert (await agent.run("again", session=fork)).output == "two"
        with pytest.raises(SessionConflict):
            await session.fork(id="b")
        with pytest.raises(ConfigurationError, match="999 is not among them"):
            await session.fork(999)


async def test_rewinding_is_an_entry_and_deletes_nothing(opened: Opened) -> None:
    async with opened() as store:
        session: Session = store.session("a")
        agent = Agent(ScriptedModel(["one", "two", "three"]))
        await agent.run("1", session=session)
        length = (await session.load()).saved
        await agent.run("2", session=session)
        before = await session.entries()
        state = await session.rewind(length)
        assert [m.role for m in state.messages] == ["user", "assistant"]
        assert await session.entries() == [*before, Rewound(length)]
        result = await agent.run("2 again", session=session)
        assert result.output == "two"
        assert [getattr(m, "content", "") for m in result.messages] == ["1", "one", "2 again", "two"]
        assert RunState.model_validate_json(result.state.model_dump_json()).messages == result.messages


@pytest.mark.parametrize("id", ["", "x" * 257, "line\nbreak"])
async def test_an_id_that_cannot_be_is_refused(id: str) -> None:
    with pytest.raises(ConfigurationError, match="is no session id"):
        MemoryStore().session(id)


class Slow:
    """Pays when it may go on, and not before."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.began, self.go_on = anyio.Event(), anyio.Event()

    @tool
    async def pay(self, amount: int) -> str:
        """Pay."""
        self.began.set()
        await self.go_on.wait()
        self.paid.append(amount)
        return "paid by the old owner"


async def test_a_second_run_beside_a_living_one_conflicts_at_once_and_nothing_is_called_unknown(opened: Opened) -> None:
    slow = Slow()
    async with opened() as store:
        agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[slow])
        results: list[Any] = []

        async def first() -> None:
            results.append(await agent.run("pay", session=store.session("a")))

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await slow.began.wait()
            for again in ("pay again", None):
                with pytest.raises(SessionConflict, match="in the hands of a run that lives"):
                    await agent.run(again, session=store.session("a"))
            slow.go_on.set()
        assert slow.paid == [5]
        assert results[0].output == "done"
        state = await store.session("a").load()
        check_invariants(state)
        assert state.waiting == ()


async def test_taking_over_fences_the_old_owner_and_its_late_result_is_in_its_error(opened: Opened) -> None:
    slow = Slow()
    async with opened() as store:
        agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[slow])
        errors: list[SessionConflict] = []

        async def first() -> None:
            try:
                await agent.run("pay", session=store.session("a"))
            except SessionConflict as error:
                errors.append(error)

        async with anyio.create_task_group() as group:
            group.start_soon(first)
            await slow.began.wait()
            taken = await agent.run(None, session=store.session("a"), take_over=True)
            assert [(w.tool, w.why) for w in taken.waiting] == [("pay", "unknown")]
            slow.go_on.set()
        assert slow.paid == [5]
        assert "paid by the old owner" in RunState.of(errors[0]).model_dump_json()
        state = taken.state.answer(taken.waiting[0], "paid after all")
        done = await agent.run(state, session=store.session("a"))
        assert done.output == "done"
        assert slow.paid == [5]
        check_invariants(await store.session("a").load())


async def test_going_on_where_no_run_began_or_with_another_agent_is_told(opened: Opened) -> None:
    async with opened() as store:
        agent = Agent(ScriptedModel(["hello"]), name="desk")
        for nothing in (None, RunState(journal="a")):
            with pytest.raises(ConfigurationError, match="there is no run to go on with"):
                await agent.run(nothing, session=store.session("a"))
        await agent.run("hi", session=store.session("a"))
        with pytest.raises(ConfigurationError, match="in the hands of agent 'desk', and this team has 'clerk'"):
            await agent.replace(name="clerk").run(None, session=store.session("a"))
        assert (await agent.run(None, session=store.session("a"))).output == "hello"
