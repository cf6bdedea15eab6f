"""All layers and models together under faults: crashes, HTTP faults, cancellation; and a long conversation, compacted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, MemoryStore, ModelError, RemoteModel, RunResult, RunState, Session, tool
from agentkit.chat import Message, UserMessage
from agentkit.journal import Admitted, Compacted, Started
from agentkit.middleware import Compaction
from agentkit.testing import FakeServer, check_invariants
from tests.faults.steps import Backend, Steps, run_in_steps
from tests.faults.transport import GoldenTransport
from tests.run.test_many_agents_faults import opened

from .layered import ASKED, EFFECTS, MAIL, Layered, decided, scripted

QUICK_AND_SLOW = pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])


async def to_the_end(agent: Agent[None, str], given: Any, session: Session | None = None) -> RunResult[str]:
    for _ in range(6):
        result = await agent.run(given, session=session)
        check_invariants(result)
        if result.status == "done":
            assert result.output == "all done"
            return result
        given = RunState.model_validate_json(decided(result.state).model_dump_json())
    raise AssertionError("it does not end")


def check_sent(requests: Iterable[dict[str, Any]]) -> None:
    """What was redacted never left, and nothing that was asked was lost."""
    for request in requests:
        assert MAIL not in json.dumps(request), request["model"]
        if request["model"] in ("desk", "mailer"):
            assert any(message["content"] == ASKED.replace(MAIL, "[email 1]") for message in request["messages"])


@pytest.mark.anyio
@QUICK_AND_SLOW
async def test_after_a_crash_at_any_entry_the_layers_ask_the_same_and_no_write_is_done_twice(
    every: int, tmp_path: Path
) -> None:
    with FakeServer(scripted) as server:
        world = Layered(server.base_url, tmp_path / "bank.jsonl")
        whole = await to_the_end(world.agent(), ASKED)
        check_invariants(whole, server=server)
        assert (sorted(world.done), world.posted) == (EFFECTS, [])
        entries = list(whole.state.entries)
        assert any(isinstance(entry, Compacted) for entry in entries)
        del server.requests[:]
        for end in range(1, len(entries), every):
            world = Layered(server.base_url, tmp_path / "bank.jsonl", replays=True)
            state = RunState.model_validate_json(RunState.folded("j", entries[:end]).model_dump_json())
            check_invariants(state)
            await to_the_end(world.agent(), state)
            assert len(world.done) == len(set(world.done)) == 3 - len(started_writes(entries[:end]))
            assert world.posted == []
        assert server.problems == []
        check_sent(server.requests)
        assert "bank" not in {request["model"] for request in server.requests}  # each was asked as it was recorded


def started_writes(entries: Iterable[Any]) -> set[tuple[str, ...]]:
    effects: dict[tuple[str, ...], str] = {}
    started = set[tuple[str, ...]]()
    for entry in entries:
        path, inner = opened(entry)
        if isinstance(inner, Admitted):
            effects[(*path, inner.call)] = inner.effect
        elif isinstance(inner, Started) and effects[(*path, inner.call)] == "write":
            started.add((*path, inner.call))
    return started


@pytest.mark.anyio
@QUICK_AND_SLOW
@pytest.mark.parametrize("fault", [500, 429, 400, "reset", "cut", "garbage"])
async def test_after_an_http_fault_at_any_request_the_layers_go_on_with_every_effect_once(
    fault: Any, every: int, tmp_path: Path
) -> None:
    for at in itertools.count(0, every):
        with FakeServer(scripted, faults={at: fault}) as server:
            world = Layered(server.base_url, tmp_path / f"{at}.jsonl")
            agent = world.agent()
            try:
                result = await to_the_end(agent, ASKED)
            except ModelError as error:
                check_invariants(error)
                result = await to_the_end(agent, RunState.model_validate_json(RunState.of(error).model_dump_json()))
            assert server.problems == []
            check_sent(server.requests)
            check_invariants(result, server=server)
            assert len(world.done) == len(set(world.done))
            assert world.done[-1] == EFFECTS[-1]
            assert world.posted == []
            if at >= len(server.requests):
                break
    assert at > 10


def cancelled(at: int, backend: Backend, records: Path) -> int:
    """The layered run cancelled before step `at`, and gone on with to its end; the steps it took."""
    steps, transport, session = Steps(at), GoldenTransport(scripted), MemoryStore().session("s")
    world = Layered("http://localhost/v1", records, transport)
    agent = world.agent()

    async def main() -> None:
        with anyio.CancelScope() as scope:
            steps.begin(scope.cancel)
            try:
                await to_the_end(agent, ASKED, session)
            finally:
                steps.end()
        assert transport.open == set()
        state = await session.load()
        check_invariants(state)
        if not state.ended:
            await to_the_end(agent, decided(state) if state.entries else ASKED, session)
        assert (len(world.done), world.posted) == (len(set(world.done)), [])

    run_in_steps(main, steps, backend)
    return steps.count


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_cancelled_before_any_step_the_layers_leave_nothing_open_and_no_effect_is_done_twice(
    every: int, backend: Backend, tmp_path: Path
) -> None:
    undisturbed = cancelled(0, backend, tmp_path / "whole")
    assert undisturbed > 100
    for at in range(1, undisturbed + 1, every):
        assert cancelled(at, backend, tmp_path / str(at)) >= at, "it was never interrupted"


TOKENS = 1500
PINNED = "Always answer in French."


@tool(effect="read")
def look(page: int) -> str:
    """Look at a page."""
    return f"page {page}: " + "words " * 150


def librarian(request: dict[str, Any]) -> Any:
    """Looks at the page that the user names, and tells of it."""
    last = request["messages"][-1]
    return [("look", {"page": int(last["content"].split()[1])})] if last["role"] == "user" else "It is full of words."


def check_requests(server: FakeServer) -> None:
    """Under the limit by the endpoint's own count, paired, and the pinned message in each."""
    assert server.problems == []
    for request in server.requests:
        assert sum(len(json.dumps(message, separators=(",", ":"))) for message in request["messages"]) // 4 <= TOKENS
        assert any(message["content"] == PINNED for message in request["messages"])


@pytest.mark.anyio
@QUICK_AND_SLOW
async def test_sixty_turns_stay_under_their_limit_keep_what_is_pinned_and_go_on_after_a_kill_at_any_entry(
    every: int,
) -> None:
    def pinned(message: Message) -> bool:
        return message.content == PINNED

    def agent() -> Agent[None, str]:  # of a new process
        model = RemoteModel("m", base_url=server.base_url)
        return Agent(model, tools=[look], middleware=[Compaction(TOKENS, pinned=pinned)])

    store = MemoryStore()
    with FakeServer(librarian) as server:
        first = agent()
        await first.run([UserMessage(content=PINNED), UserMessage(content="page 0")], session=store.session("whole"))
        for page in range(1, 30):
            result = await first.run(f"page {page}", session=store.session("whole"))
        assert len(server.requests) == result.state.turn == 60
        check_requests(server)
        rows = await store.load("whole")
        assert sum(b'"compacted"' in row for row in rows) > 3
        for end in range(1, len(rows) + 1, every):
            del server.requests[:]
            await store.append(f"cut {end}", 0, rows[:end])
            session = store.session(f"cut {end}")
            second = agent()
            if not (await session.load()).ended:
                check_invariants(await second.run(None, session=session))
            again = await second.run("page 99", session=session)
            check_invariants(again)
            assert again.output == "It is full of words."
            check_requests(server)
