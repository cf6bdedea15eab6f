"""Compaction: long conversations stay under their limit, keep what is pinned and each call with its result."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    FunctionModel,
    Limits,
    Middleware,
    ModelCall,
    RemoteModel,
    RunState,
    ScriptedModel,
    Session,
    SQLiteStore,
    TextDelta,
    tool,
)
from agentkit.chat import ChatCompletion, ChatRequest, Message, UserMessage
from agentkit.journal import Compacted
from agentkit.middleware import Compaction, Redact
from agentkit.middleware.compaction import LEFT_OUT, SUMMARY
from agentkit.testing import FakeServer, check_invariants
from tests.backends import trio_is_slow

pytestmark = pytest.mark.anyio

TOKENS = 3000
PINNED = "Always answer in French."


@tool(effect="read")
def look(page: int) -> str:
    """Look at a page."""
    return f"page {page}: " + "words " * 200


def is_pinned(message: Message) -> bool:
    return message.content == PINNED


def tokens_of(body: bytes) -> int:
    """As the fake endpoint counts: not as Compaction guesses."""
    return len(body) // 5


def counted(request: ChatRequest, turns: int) -> ChatCompletion:
    """A call of `look`, or the final answer; usage is what this endpoint counts."""
    seen = sum(int(m.content.split(":")[0].split()[1]) for m in request.messages[-1:] if m.role == "tool")  # type: ignore[union-attr]
    message: dict[str, Any] = {"role": "assistant", "content": "done"}
    if seen < turns:
        function = {"name": "look", "arguments": f'{{"page": {seen + 1}}}'}
        message = {"role": "assistant", "content": None}
        message["tool_calls"] = [{"id": f"call_{seen}", "type": "function", "function": function}]
    usage = {"prompt_tokens": tokens_of(request.body()), "completion_tokens": 5}
    return ChatCompletion.model_validate({"choices": [{"message": message}], "usage": usage})


async def test_sixty_turns_stay_under_the_limit_keep_what_is_pinned_and_every_pair() -> None:
    model = FunctionModel(lambda request: counted(request, 60))
    agent = Agent(
        model,
        tools=[look],
        instructions="You read books.",
        limits=Limits(turns=100, repeats=None),
        middleware=[Compaction(TOKENS, pinned=is_pinned)],
    )
    result = await agent.run([UserMessage(content=PINNED), UserMessage(content="Read it all.")])
    check_invariants(result)
    assert result.output == "done"
    assert len(model.requests) == 61
    sizes = [tokens_of(request.body()) for request in model.requests]
    assert max(sizes[1:]) <= TOKENS
    assert all(any(is_pinned(message) for message in request.messages) for request in model.requests)
    assert all(request.messages[0].content == "You read books." for request in model.requests)
    entries = [entry for entry in result.state.entries if isinstance(entry, Compacted)]
    assert 0 < len(entries) < 20  # there is room after each, so that it is not due every turn
    results = [entry for entry in result.state.entries if entry.kind == "result"]
    assert len(results) == 60  # the journal keeps what the view left out


async def test_old_results_are_shortened_before_anything_is_left_out() -> None:
    history: list[Any] = [UserMessage(content="Read.")]
    first = await Agent(FunctionModel(lambda request: counted(request, 6)), tools=[look]).run(history)
    model = ScriptedModel([*["-"] * 7, "ok"])
    size = sum(len(message.json_bytes()) for message in first.messages)
    agent = Agent(model, middleware=[Compaction(int(size * 0.28), keep_last=4)])
    result = await agent.run([*first.messages, UserMessage(content="And?")])
    check_invariants(result)
    told = [str(message.content) for message in model.requests[0].messages]
    assert told[0] == "Read."
    assert any("of this old result were left out" in text for text in told)
    assert LEFT_OUT not in told
    assert [m.role for m in result.messages] == [*(m.role for m in first.messages), "user", "assistant"]


async def test_a_model_summarises_what_is_left_out_and_its_tokens_count() -> None:
    summariser = FunctionModel(lambda request: "They said a lot.")
    history = [UserMessage(content=f"fact {n}: " + "x" * 400) for n in range(20)]
    model = ScriptedModel(["ok"])
    agent = Agent(model, middleware=[Compaction(800, keep_last=2, summarise=summariser)])
    result = await agent.run(history)
    assert model.requests[0].messages[0].content == f"{SUMMARY}They said a lot."
    assert "fact 0" in str(summariser.requests[0].messages[1].content)
    assert result.usage.requests == 2
    assert result.new_messages[0].content == f"{SUMMARY}They said a lot."


async def test_a_summary_is_asked_through_the_layers_inside_and_is_not_streamed() -> None:
    seen: list[str] = []

    class Seeing(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            seen.append(call.request.model)
            return await proceed(call)

    summariser = FunctionModel(lambda request: "[email 1] said a lot.")
    history = [UserMessage(content=f"ann@example.org wrote fact {n}: " + "x" * 400) for n in range(20)]
    layers = [Compaction(800, keep_last=2, summarise=summariser), Redact("email"), Seeing()]
    async with Agent(ScriptedModel(["ok"]), middleware=layers).stream(history) as run:
        events = [event async for event in run]
    check_invariants(run.result, events=events)
    assert seen == ["function", "scripted"]
    assert "ann@example.org" not in summariser.requests[0].body().decode()
    assert run.result.new_messages[0].content == f"{SUMMARY}ann@example.org said a lot."
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "ok"


async def test_a_layer_before_it_that_changes_the_request_is_an_error_at_once() -> None:
    agent = Agent(ScriptedModel(["ok"]), middleware=[Redact("email"), Compaction(100_000)])
    assert (await agent.run("hello")).output == "ok"
    with pytest.raises(ConfigurationError, match="a layer before it changed the request; make Compaction the first"):
        await agent.run("hello ann@example.org")


async def test_a_result_that_is_pinned_is_not_cut() -> None:
    history = (await Agent(FunctionModel(lambda request: counted(request, 6)), tools=[look]).run("Read.")).messages
    model = ScriptedModel([*["-"] * 7, "ok"])
    size = sum(len(message.json_bytes()) for message in history)
    layer = Compaction(int(size * 0.31), keep_last=4, pinned=lambda message: "page 1:" in str(message.content))
    await Agent(model, middleware=[layer]).run([*history, UserMessage(content="And?")])
    sent = [str(message.content) for message in model.requests[0].messages if message.role == "tool"]
    assert [text.count("left out") for text in sent[:2]] == [0, 1]


async def test_a_conversation_under_the_limit_is_left_alone() -> None:
    result = await Agent(ScriptedModel(["ok"]), middleware=[Compaction(1000)]).run("hi")
    assert not any(isinstance(entry, Compacted) for entry in result.state.entries)


async def test_where_the_newest_turn_alone_is_too_long_it_is_sent() -> None:
    model = ScriptedModel(["ok"])
    assert (await Agent(model, middleware=[Compaction(10)]).run("long " * 100)).output == "ok"


@trio_is_slow
async def test_a_strict_server_takes_what_compaction_leaves(tmp_path: Any) -> None:
    """Over HTTP, in a session on disk, killed after each entry: it goes on, under its limit, with its pairs."""

    def script(body: dict[str, Any]) -> Any:
        results = [m for m in body["messages"] if m["role"] == "tool"]
        page = int(results[-1]["content"].split(":")[0].split()[1]) if results else 0
        return "done" if page >= 12 else [("look", {"page": page + 1})]

    with FakeServer(script) as server:
        async with SQLiteStore(tmp_path / "s.db") as store:
            agent = Agent(
                RemoteModel("m", base_url=server.base_url), tools=[look], middleware=[Compaction(TOKENS, keep_last=4)]
            )
            result = await agent.run("Read it all.", session=store.session("whole"))
            rows = await store.load("whole")
            assert any(b'"compacted"' in row for row in rows)
            for end in range(1, len(rows), 3):
                await store.append(f"cut {end}", 0, rows[:end])
                again = await agent.run(None, session=store.session(f"cut {end}"))
                check_invariants(again)
                assert again.output == result.output == "done"
    assert server.problems == []


async def test_a_compaction_in_the_middle_of_a_turn_keeps_the_results_of_its_calls() -> None:
    class Midway(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            if call.context.messages[-1].role == "tool":
                call.compact(1, UserMessage(content="they asked"))
            return await proceed(call)

    agent = Agent(ScriptedModel([[("look", {"page": 1})], "done"]), tools=[look], middleware=[Midway()])
    result = await agent.run("Look.", session=Session())
    check_invariants(result)
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "assistant"]
    check_invariants(RunState.model_validate_json(result.state.model_dump_json()))


@pytest.mark.parametrize("up_to", [0, 2, 9])
async def test_a_compaction_that_parts_a_call_from_its_result_is_refused(up_to: int) -> None:
    class Wrong(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            if call.context.messages[-1].role == "tool":
                call.compact(up_to, UserMessage(content="-"))
            return await proceed(call)

    agent = Agent(ScriptedModel([[("look", {"page": 1})], "done"]), tools=[look], middleware=[Wrong()])
    with pytest.raises(ConfigurationError, match="only whole turns can be replaced") as raised:
        await agent.run("Look.")
    check_invariants(raised.value)


@pytest.mark.parametrize("values", [{"tokens": 0}, {"tokens": 10, "keep_last": 0}, {"tokens": True}])
def test_limits_are_whole_numbers(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="use a whole number, at least 1"):
        Compaction(**values)
