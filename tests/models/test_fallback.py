"""FallbackModel over HTTP: which errors go on to the next model, which come out, and what a stream hears."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import (
    Agent,
    BadRequest,
    ConfigurationError,
    FallbackModel,
    FunctionModel,
    RateLimited,
    RemoteModel,
    ScriptedModel,
    ServerFailed,
    StreamInterrupted,
    TextDelta,
)
from agentkit.chat import ChatCompletion, ChatRequest, OnChunk, PartialCompletion
from agentkit.testing import FakeServer

pytestmark = pytest.mark.anyio


def remote(server: FakeServer, name: str) -> RemoteModel:
    return RemoteModel(name, base_url=server.base_url, retries=0)


@pytest.mark.parametrize("streams", [False, True])
async def test_the_next_model_answers_under_its_own_name(streams: bool) -> None:
    with FakeServer([503]) as broken, FakeServer(["hello"]) as whole:
        agent = Agent(FallbackModel([remote(broken, "first"), remote(whole, "second")]))
        if streams:
            async with agent.stream("hi") as run:
                assert "".join([event.text async for event in run if isinstance(event, TextDelta)]) == "hello"
        else:
            assert (await agent.run("hi")).output == "hello"
    assert [body["model"] for body in (*broken.requests, *whole.requests)] == ["first", "second"]


async def test_a_server_that_is_not_there_is_passed_over() -> None:
    with FakeServer(["hello"]) as whole:
        models = [RemoteModel("gone", base_url="http://127.0.0.1:9/v1", retries=0), remote(whole, "here")]
        assert (await Agent(FallbackModel(models)).run("hi")).output == "hello"


async def test_an_error_that_is_the_requests_own_comes_out_of_the_first_model() -> None:
    with FakeServer([400]) as strict, FakeServer(["hello"]) as other:
        with pytest.raises(BadRequest):
            await Agent(FallbackModel([remote(strict, "a"), remote(other, "b")])).run("hi")
    assert other.requests == []


async def test_the_last_models_error_comes_out_when_all_fail() -> None:
    with FakeServer([503]) as a, FakeServer([429]) as b, pytest.raises(RateLimited):
        await Agent(FallbackModel([remote(a, "a"), remote(b, "b")])).run("hi")


async def test_what_counts_as_a_failure_can_be_chosen() -> None:
    def refuse(request: ChatRequest) -> Any:
        return BadRequest("no", status=400)

    model = FallbackModel([FunctionModel(refuse), ScriptedModel(["hello"])], on=[BadRequest])
    assert (await Agent(model).run("hi")).output == "hello"


async def test_a_stream_that_was_heard_does_not_change_its_voice() -> None:
    class Breaks:
        name = "breaks"

        async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
            if on_chunk is not None:
                chunk = {"choices": [{"index": 0, "delta": {"content": "half"}}]}
                partial = PartialCompletion(1)
                partial.add(chunk)
                await on_chunk(chunk, partial)
            raise ServerFailed("broken", status=500)

    other = ScriptedModel(["hello"])
    model = FallbackModel([Breaks(), other])
    with pytest.raises((ServerFailed, StreamInterrupted)):
        async with Agent(model).stream("hi") as run:
            await run.finish()
    assert other.requests == []
    assert (await Agent(model).run("hi")).output == "hello"  # unheard, the other one answers


def test_less_than_two_models_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="give two models or more"):
        FallbackModel([ScriptedModel(["a"])])
    with pytest.raises(ConfigurationError, match="is no ModelError"):
        FallbackModel([ScriptedModel(["a"]), ScriptedModel(["b"])], on=[KeyError])  # type: ignore[list-item]
