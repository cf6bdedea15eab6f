"""The models of tests: answers by position or by a function, streamed in pieces that add up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import (
    Agent,
    ChatCompletion,
    ConfigurationError,
    FunctionModel,
    RateLimited,
    RunState,
    ScriptedModel,
    StreamInterrupted,
    tool,
)
from agentkit.chat import MESSAGES, AssistantMessage, ChatRequest, Json, PartialCompletion, TextPart

pytestmark = pytest.mark.anyio

GO: Json = {"role": "user", "content": "go"}
CUSTOM = {"id": "c9", "type": "custom", "custom": {"name": "shell", "input": "ls -la /very/long"}}
COMPLETION = ChatCompletion.model_validate(
    {
        "id": "own",
        "object": "chat.completion",
        "created": 7,
        "model": "mine",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "cut"}, "finish_reason": "length"}],
    }
)


def asked(*messages: Json, **values: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=MESSAGES.validate_python(messages or (GO,)), **values)


async def complete(model: FunctionModel, request: ChatRequest, streamed: bool) -> ChatCompletion:
    async def on_chunk(chunk: Json, partial: PartialCompletion) -> None:
        pass

    return await model.complete(request, on_chunk if streamed else None)


def said(completion: ChatCompletion) -> Any:
    message = completion.choices[0].message
    return [(call.name, call.text) for call in message.calls] or message.text


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("answer", "expected", "reason"),
    [
        ("a text of some length", "a text of some length", "stop"),
        ("", "", "stop"),
        ([("add", {"a": 1, "b": [2]})], [("add", '{"a": 1, "b": [2]}')], "tool_calls"),
        ([("add", '{"a": 1, '), ("ping", "")], [("add", '{"a": 1, '), ("ping", "")], "tool_calls"),
        (AssistantMessage(content="typed"), "typed", "stop"),
        (AssistantMessage(content=(TextPart(text="two "), TextPart(text="parts"))), "two parts", "stop"),
        ({"content": "as a dict", "reasoning_content": "hm"}, "as a dict", "stop"),
        ({"tool_calls": [CUSTOM]}, [("shell", "ls -la /very/long")], "tool_calls"),
        (COMPLETION, "cut", "length"),
    ],
    ids=["text", "empty", "calls", "raw-arguments", "message", "parts", "dict", "custom", "completion"],
)
async def test_every_form_of_an_answer_is_a_completion(answer: Any, expected: Any, reason: str, streamed: bool) -> None:
    completion = await complete(ScriptedModel([answer]), asked(), streamed)
    assert said(completion) == expected
    assert completion.choices[0].finish_reason == reason


@pytest.mark.parametrize(
    "answer",
    ["text", [("add", {"a": 1}), ("add", {"a": 2})], {"content": None, "refusal": "I will not do this"}, COMPLETION],
    ids=["text", "calls", "refusal", "completion"],
)
@pytest.mark.parametrize("n", [1, 2])
async def test_a_streamed_answer_adds_up_to_the_whole_one(answer: Any, n: int) -> None:
    whole = (await complete(ScriptedModel([answer]), asked(n=n), False)).to_json()
    streamed = (await complete(ScriptedModel([answer]), asked(n=n), True)).to_json()
    for choice in (*whole["choices"], *streamed["choices"]):
        choice["message"] = {key: value for key, value in choice["message"].items() if value is not None}
        choice.pop("logprobs", None)
    assert streamed == whole
    assert len(whole["choices"]) == (1 if answer is COMPLETION else n)


async def test_answers_go_by_position_so_a_resumed_conversation_finds_its_place() -> None:
    model = ScriptedModel(["one", "two"])
    second = asked(GO, {"role": "assistant", "content": "one"}, GO)
    assert [said(await model.complete(request)) for request in (second, asked(), second)] == ["two", "one", "two"]
    assert model.requests[1] == asked()
    assert [len(request.messages) for request in model.requests] == [3, 1, 3]
    third = asked(*second.to_json()["messages"], {"role": "assistant", "content": "two"}, GO)
    with pytest.raises(ConfigurationError, match="has 2 answers, and was asked for answer 3"):
        await model.complete(third)


async def test_calls_have_ids_that_differ_over_the_whole_conversation() -> None:
    @tool
    def ping() -> str:
        """Ping."""
        return "pong"

    model = ScriptedModel([[("ping", {}), ("ping", {})], [("ping", {})], "done"])
    result = await Agent(model, tools=[ping]).run("go")
    ids = [message.tool_call_id for message in result.messages if message.role == "tool"]
    assert len(set(ids)) == len(ids) == 3
    assert [len(request.messages) for request in model.requests] == [1, 4, 6]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_an_exception_is_raised_at_its_place_and_leaves_the_state(streamed: bool) -> None:
    @tool
    def ping() -> str:
        """Ping."""
        return "pong"

    failure = StreamInterrupted("gone") if streamed else RateLimited("slow down", status=429)
    agent = Agent(ScriptedModel([[("ping", {})], failure]), tools=[ping])
    with pytest.raises(type(failure)) as caught:
        if streamed:
            async with agent.stream("go") as run:
                await run.finish()
        else:
            await agent.run("go")
    assert caught.value is failure
    state = RunState.of(caught.value)
    assert state is not None
    assert [message.role for message in state.messages] == ["user", "assistant", "tool"]


def _sync(request: ChatRequest) -> Any:
    return [("ping", {"n": len(request.messages)})]


async def _async(request: ChatRequest) -> Any:
    return f"{len(request.messages)} messages"


async def _failing(request: ChatRequest) -> Any:
    raise LookupError("no answer in here")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(_sync, [("ping", '{"n": 1}')], id="calls"),
        pytest.param(_async, "1 messages", id="async"),
        pytest.param(lambda request: "text", "text", id="lambda"),
    ],
)
async def test_a_function_answers_sync_or_async(function: Any, expected: Any, streamed: bool) -> None:
    model = FunctionModel(function)
    request = asked()
    assert said(await complete(model, request, streamed)) == expected
    assert len(model.requests) == 1
    assert model.requests[0] is request


async def test_what_a_function_raises_or_returns_as_an_exception_reaches_the_caller() -> None:
    with pytest.raises(LookupError, match="no answer in here"):
        await FunctionModel(_failing).complete(asked())
    with pytest.raises(RateLimited):
        await FunctionModel(lambda request: RateLimited("slow down", status=429)).complete(asked())


@pytest.mark.parametrize("answer", [None, 42])
async def test_what_is_no_answer_is_said(answer: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{answer} is no answer: give a text"):
        await FunctionModel(lambda request: answer).complete(asked())


async def test_chunks_are_small_and_come_in_the_wire_s_form() -> None:
    chunks: list[Json] = []
    texts: list[str] = []

    async def on_chunk(chunk: Json, partial: PartialCompletion) -> None:
        chunks.append(json.loads(json.dumps(chunk)))
        texts.append(partial.choices[0].text)

    await ScriptedModel(["a text of some length"]).complete(asked(), on_chunk)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert texts == ["", "a text ", "a text of some", *["a text of some length"] * 3]
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]] == [None] * 4 + ["stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0
