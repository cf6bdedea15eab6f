"""Every limit that is on by default: named, settable, and a typed error that carries the state (ROBUSTNESS 2a)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit import (
    Agent,
    AgentKitError,
    ChatClient,
    ConfigurationError,
    ConnectionFailed,
    FunctionModel,
    LimitReached,
    Limits,
    ProtocolError,
    RateLimited,
    RemoteModel,
    RunState,
    ServerFailed,
    StreamInterrupted,
    Timeout,
    ToolFailed,
    tool,
)
from agentkit.client import Sizes
from tests.invariants import check_invariants
from tests.loopback import Reply, serve, sse, whole

pytestmark = pytest.mark.anyio

STREAM = {"content-type": "text/event-stream"}


def text(content: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}


def answer(content: str, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
BUSY = whole({"error": {"message": "busy"}}, 503, retry_after_ms="1")
DRIP = Reply(b": ping\n\n" * 400, cut=8, headers=STREAM, pause=0.02)


async def failed(client: ChatClient, streamed: bool, **limits: Any) -> AgentKitError:
    """The error of a run over this client; its state is there, and sendable."""
    agent = Agent(RemoteModel("m", client=client), limits=Limits(**limits))
    with pytest.raises(AgentKitError) as raised:
        if streamed:
            async with agent.stream("hi") as run:
                await run.finish()
        else:
            await agent.run("hi")
    check_invariants(raised.value)
    return raised.value


def client(base_url: str, **settings: Any) -> ChatClient:
    return ChatClient(base_url, **{"retries": 0, **settings})


@pytest.mark.parametrize(
    ("settings", "reply", "streamed", "kind", "told"),
    [
        ({"timeout": Timeout(first=0.2)}, Reply(b"", ending="hang"), False, ConnectionFailed, r"for 0\.2 s"),
        ({"timeout": Timeout(first=0.2)}, DRIP, True, ConnectionFailed, r"for 0\.2 s"),
        ({"timeout": Timeout(between=0.2)}, sse(text("a"), ending="hang"), True, StreamInterrupted, r"for 0\.2 s"),
        ({"sizes": Sizes(event=100)}, sse(text("a" * 200)), True, ProtocolError, "longer than 100 bytes"),
        ({"sizes": Sizes(body=100)}, whole(answer("a" * 200)), False, ProtocolError, "longer than 100 bytes"),
        ({"sizes": Sizes(text=100)}, whole(answer("a" * 200)), False, ProtocolError, "longer than 100 characters"),
        (
            {"sizes": Sizes(text=100)},
            whole(answer("a", reasoning_content="b" * 200)),
            False,
            ProtocolError,
            "longer than 100 characters",
        ),
        ({"sizes": Sizes(text=100)}, sse(*[text("a" * 60)] * 9), True, ProtocolError, "longer than 100 characters"),
        (
            {"timeout": Timeout(retry_after=5), "retries": 2},
            whole({}, 429, retry_after="6"),
            False,
            RateLimited,
            "HTTP 429",
        ),
    ],
    ids=[
        "whole answer",
        "first delta",
        "between deltas",
        "event",
        "body",
        "text",
        "reasoning",
        "stream",
        "retry-after",
    ],
)
async def test_a_limit_of_the_wire_is_a_typed_error_with_the_state(
    settings: dict[str, Any], reply: Reply, streamed: bool, kind: type[AgentKitError], told: str
) -> None:
    with serve([reply, whole(answer("never"))]) as server:
        error = await failed(client(server.base_url, **settings), streamed)
        assert len(server.requests) <= 1  # a loaded machine may not even have read it
    assert type(error) is kind
    assert pytest.raises(kind, match=told).matches(error)
    assert not isinstance(error, RateLimited) or error.retry_after == 6


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Sizes(text=0), r"Sizes\(text=0\): use a whole number above 0"),
        (lambda: ChatClient("http://localhost", sizes=100), r"sizes=100; give Sizes"),
        (lambda: Timeout(headers=-1), r"Timeout\(headers=-1\): use seconds above 0"),
        (lambda: Limits(depth=None), "cannot be switched off"),
        (lambda: Limits(calls_per_turn=0), "use a number above 0"),
        (lambda: Limits(retries=-1), "use a number 0 or more"),
    ],
)
async def test_a_limit_that_cannot_be_is_refused(make: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        make()


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server that never accepts: connections are made by the kernel until its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        yield listener


async def test_a_server_that_says_nothing_is_left_when_its_headers_are_due(deaf: socket.socket) -> None:
    base_url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
    error = await failed(client(base_url, timeout=Timeout(headers=0.2)), True)
    assert isinstance(error, ConnectionFailed)
    assert (error.timed_out, error.sent) == (True, True)
    assert "no delta for 0.2 s" in str(error)


async def test_a_connection_that_is_not_made_in_time_was_never_sent(deaf: socket.socket) -> None:
    address = deaf.getsockname()
    full = [socket.socket() for _ in range(4)]
    try:
        for one in full:
            one.setblocking(False)
            one.connect_ex(address)
        error = await failed(client(f"http://127.0.0.1:{address[1]}/v1", timeout=Timeout(connect=0.2)), False)
    finally:
        for one in full:
            one.close()
    assert isinstance(error, ConnectionFailed)
    assert (error.sent, "ConnectTimeout" in str(error)) == (False, True)


async def test_a_run_has_a_budget_of_further_attempts_over_all_its_requests() -> None:
    call = whole(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
                        ],
                    },
                    "finish_reason": "tool_calls",
                }
            ]
        }
    )

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        return "seen"

    with serve([BUSY, BUSY, call, BUSY, BUSY, whole(answer("done"))]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), tools=[look])
        with pytest.raises(ServerFailed) as raised:
            await agent.run("hi", limits=Limits(retries=3))
        assert len(server.requests) == 5
        result = await agent.run(RunState.of(raised.value))
        assert result.output == "done"


async def test_answers_that_were_lost_and_asked_for_again_are_counted_as_unknown() -> None:
    lost, told = Reply(b"", ending="cut"), whole({**answer("done"), "usage": USAGE})
    with serve([lost, BUSY, told, lost, lost, lost]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url))
        usage = (await agent.run("hi")).usage
        assert (usage.requests, usage.requests_unknown, usage.total_tokens) == (2, 1, 5)
        with pytest.raises(ConnectionFailed) as raised:
            await agent.run("hi")
        usage = RunState.of(raised.value).usage
        assert (usage.requests, usage.requests_unknown) == (3, 3)
    with pytest.raises(ConnectionFailed) as raised:
        await agent.run("hi")  # nobody listens any more: nothing was sent, so nothing was lost
    assert RunState.of(raised.value).usage.requests == 0


async def test_the_servers_word_on_trying_again_counts_more_than_its_status() -> None:
    no = whole({"error": {"message": "busy"}}, 503, x_should_retry="false")
    yes = whole({"error": {"message": "odd"}}, 400, x_should_retry="true", retry_after_ms="1")
    with serve([no, yes, whole(answer("done"))]) as server:
        assert isinstance(await failed(ChatClient(server.base_url), False), ServerFailed)
        assert (await Agent(RemoteModel("m", base_url=server.base_url)).run("hi")).output == "done"
        assert len(server.requests) == 3


@pytest.mark.parametrize(("tokens", "asked"), [(10, 2), (11, 3)])
async def test_a_run_whose_tokens_are_used_up_asks_no_more(tokens: int, asked: int) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "count", "arguments": '{"number": 1}'}}
    reply = whole({**answer("", tool_calls=[call]), "usage": USAGE})
    with serve(lambda received: reply) as server:
        agent = calling([], 1).replace(model=RemoteModel("m", base_url=server.base_url))
        with pytest.raises(LimitReached) as raised:
            await agent.run("go", limits=Limits(tokens=tokens))
    assert (raised.value.limit, len(server.requests)) == ("tokens", asked)
    check_invariants(raised.value)


def calling(ran: list[int], calls: int) -> Agent[None, str]:
    @tool(effect="idempotent")
    async def count(number: int) -> str:
        """Count."""
        ran.append(number)
        return "ok"

    def answered(request: Any) -> Any:
        if request.tool_choice == "none":
            return "that is all"
        turn = sum(message.role == "assistant" for message in request.messages)
        return "done" if turn == 3 else [("count", {"number": 100 * turn + n}) for n in range(calls)]

    return Agent(FunctionModel(answered), tools=[count])


@pytest.mark.parametrize(
    ("limits", "larger", "calls", "ran"),
    [
        ({"turns": 2}, {}, 1, 2),
        ({"tool_calls": 3}, {}, 2, 2),
        ({"calls_per_turn": 64}, {"calls_per_turn": 65}, 65, 0),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else str(value),
)
async def test_a_run_out_of_a_limit_goes_on_with_a_larger_one(
    limits: dict[str, Any], larger: dict[str, Any], calls: int, ran: int
) -> None:
    done: list[int] = []
    agent = calling(done, calls)
    with pytest.raises(LimitReached) as raised:
        await agent.run("go", limits=Limits(**limits))
    assert (raised.value.limit, len(done)) == (next(iter(limits)), ran)
    check_invariants(raised.value)
    state = RunState.model_validate_json(RunState.of(raised.value).model_dump_json())
    result = await agent.run(state, limits=Limits(**larger))
    assert (result.output, len(done), len(set(done))) == ("done", 3 * calls, 3 * calls)
    check_invariants(result)


async def test_too_many_calls_in_one_message_can_conclude_the_run() -> None:
    done: list[int] = []
    result = await calling(done, 65).run("go", limits=Limits(on_limit="conclude"))
    assert (result.output, result.stopped_by, done) == ("that is all", "calls_per_turn", [])
    check_invariants(result)


@pytest.mark.parametrize(
    ("depth", "length", "told"), [(1, 200, "longer than 100 characters"), (120, 1, "nested deeper than 100 levels")]
)
async def test_arguments_that_are_too_long_or_too_deep_never_run(depth: int, length: int, told: str) -> None:
    @tool(max_arguments=100 if depth == 1 else 1000, max_failures=1)
    async def keep(value: object) -> str:
        """Keep."""
        raise AssertionError("it ran")

    value: Any = "x" * length
    for _ in range(depth):
        value = [value]
    with pytest.raises(ToolFailed) as raised:
        await Agent(FunctionModel(lambda request: [("keep", {"value": value})]), tools=[keep]).run("go")
    assert told in str(RunState.of(raised.value).messages[-1].content)
    check_invariants(raised.value)
