"""Single lines that hold a promise, each with the test that fails without it: tests/mutation found them missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentkit import (
    Agent,
    BadRequest,
    ChatCompletion,
    FunctionModel,
    Limits,
    MemoryStore,
    OutputInvalid,
    OutputTruncated,
    ProtocolError,
    RemoteModel,
    ScriptedModel,
    Session,
    SessionConflict,
    Settings,
    Tool,
    ToolError,
    tool,
)
from agentkit.client import RETRIES
from agentkit.run.ask import MAX_TEMPLATES
from tests.loopback import serve, whole

pytestmark = pytest.mark.anyio


class Cancelling(MemoryStore):
    """Cancels a scope while `started` is written."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        super().__init__()
        self._scope = scope

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        await super().append(journal, position, entries)
        if any(b'"started"' in entry for entry in entries):
            self._scope.cancel()


async def test_a_run_that_is_cancelled_while_started_is_written_does_not_act() -> None:
    paid: list[int] = []

    @tool(thread=False)
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[pay])
    with anyio.CancelScope() as scope:
        await agent.run("go", session=Session(Cancelling(scope), "a"))
    assert scope.cancelled_caught
    assert paid == []


def cut(tokens: int) -> ChatCompletion:
    call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": '{"amount": 1'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "usage": usage}
    return ChatCompletion.model_validate(
        {**head, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    )


async def test_a_call_that_the_token_limit_cut_is_truncation_and_a_broken_one_is_told() -> None:
    agent = Agent(ScriptedModel([cut(10), "done"]), settings=Settings(max_completion_tokens=10))
    with pytest.raises(OutputTruncated):
        await agent.run("go")
    shorter = Agent(ScriptedModel([cut(9), "done"]), settings=Settings(max_completion_tokens=10))
    assert (await shorter.run("go")).output == "done"


@pytest.mark.parametrize("kind", [ToolError, ValueError])
async def test_the_model_reads_two_thousand_characters_of_an_error(kind: type[Exception]) -> None:
    @tool
    async def fail() -> str:
        """Fails at length."""
        raise kind("x" * 100_000)

    result = await Agent(ScriptedModel([[("fail", {})], "done"]), tools=[fail]).run("go")
    told = next(str(m.content) for m in result.messages if m.role == "tool")
    assert 2000 < len(told) <= 2048


async def test_an_error_shows_an_excerpt_of_what_the_server_said() -> None:
    replies: list[Any] = [whole({"error": {"message": "x" * 100_000}}, 400)]
    with serve(replies) as server, pytest.raises(BadRequest) as raised:
        await Agent(RemoteModel("m", base_url=server.base_url, retries=0)).run("go")
    assert len(str(raised.value)) < 2200
    assert len(raised.value.body) <= 300


async def test_a_model_that_only_writes_broken_calls_is_asked_again_as_often_as_repairs_allow() -> None:
    message = {"role": "assistant", "content": "", "tool_calls": None}
    choice = {"index": 0, "message": message, "finish_reason": "MALFORMED_FUNCTION_CALL"}
    head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    model = FunctionModel(lambda request: ChatCompletion.model_validate({**head, "choices": [choice]}))
    with pytest.raises(ProtocolError, match="MALFORMED"), anyio.fail_after(5):
        await Agent(model, limits=Limits(repairs=2)).run("go")
    assert len(model.requests) == 3


async def test_as_many_tools_run_at_once_as_the_limit_says() -> None:
    running = most = 0

    @tool
    async def work(number: int) -> str:
        """Work."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return "done"

    model = ScriptedModel([[("work", {"number": n}) for n in range(6)], "done"])
    await Agent(model, tools=[work], limits=Limits(parallel=2)).run("go")
    assert most == 2


async def test_what_the_model_said_is_kept_before_a_read_tool_runs() -> None:
    session, seen = Session(), list[str]()

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        seen.extend(entry.kind for entry in await session.entries())
        return "seen"

    await Agent(ScriptedModel([[("look", {})], "done"]), tools=[look]).run("go", session=session)
    assert seen == ["input", "completion", "admitted"]


async def test_an_answer_that_should_have_been_a_stream_is_shown_as_an_excerpt() -> None:
    message = {"role": "assistant", "content": "x" * 10_000}
    with serve([whole({"choices": [{"message": message, "finish_reason": "stop"}]})]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url, retries=0))
        with pytest.raises(ProtocolError, match="a stream was asked for") as raised:
            async with agent.stream("go") as run:
                await run.finish()
    assert len(raised.value.text) <= 300
    assert len(str(raised.value)) < 400


async def test_an_answer_of_the_wrong_type_is_mended_as_often_as_repairs_allow() -> None:
    model = FunctionModel(lambda request: "no number at all")
    with pytest.raises(OutputInvalid, match="after 2 repairs"):
        await Agent(model, output=int, limits=Limits(repairs=2)).run("go")
    assert len(model.requests) == 3


async def test_a_run_that_came_too_late_does_not_even_ask_the_model() -> None:
    session = Session()
    waits = await Agent(ScriptedModel([[("refund", {})]]), tools=[refund]).run("go", session=session)
    denied = waits.state.deny(waits.waiting[0])
    model = FunctionModel(lambda request: "well then")
    agent = Agent(model, tools=[refund])
    assert (await agent.run(denied, session=session)).output == "well then"
    with pytest.raises(SessionConflict):
        await agent.run(denied, session=session)
    assert len(model.requests) == 1


@tool(approval=True)
async def refund() -> str:
    """Refund."""
    return "refunded"


async def test_what_is_asked_after_a_run_counts_in_no_run() -> None:
    await Agent(ScriptedModel(["done"])).run("go")
    assert RETRIES.get() is None


async def test_an_agent_keeps_requests_for_the_last_sets_of_tools_alone() -> None:
    """Any set of tools may be offered; a service that runs for months must not remember each."""

    def made(bit: int) -> Tool[..., Any]:
        @tool(name=f"t{bit}", when=lambda ctx: bool(ctx.deps >> bit & 1))
        def one() -> str:
            """One."""
            return ""

        return one

    agent = Agent(ScriptedModel(["done"]), deps=int, tools=[made(bit) for bit in range(8)])
    for chosen in range(MAX_TEMPLATES + 5):
        await agent.run("go", deps=chosen)
    assert 0 < len(agent.spec.templates) <= MAX_TEMPLATES
