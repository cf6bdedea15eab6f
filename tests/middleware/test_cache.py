"""Cache: an equal request is asked once, in runs and in streams."""

from __future__ import annotations

import pytest

from agentkit import Agent, ConfigurationError, ScriptedModel, TextDelta
from agentkit.middleware import Cache

pytestmark = pytest.mark.anyio


async def test_an_equal_request_is_asked_once_and_costs_nothing_the_second_time() -> None:
    model = ScriptedModel(["one"])
    agent = Agent(model, middleware=[Cache()])
    first, second = await agent.run("hi"), await agent.run("hi")
    assert first.output == second.output == "one"
    assert len(model.requests) == 1
    assert (first.usage.total_tokens > 0, second.usage.total_tokens, second.usage.requests_unknown) == (True, 0, 0)


async def test_another_request_is_asked() -> None:
    model = ScriptedModel(["one"])
    agent = Agent(model, middleware=[Cache()])
    await agent.run("hi")
    await agent.run("hello")
    await agent.replace(instructions="Be kind.").run("hi")
    assert len(model.requests) == 3


async def test_a_kept_answer_is_heard_in_a_stream() -> None:
    agent = Agent(ScriptedModel(["a longer answer"]), middleware=[Cache()])
    await agent.run("hi")
    async with agent.stream("hi") as run:
        told = [event.text async for event in run if isinstance(event, TextDelta)]
    assert told == ["a longer answer"]


async def test_the_answer_used_longest_ago_makes_room() -> None:
    model = ScriptedModel(["one"])
    agent = Agent(model, middleware=[Cache(2)])
    for text in ("a", "b", "a", "c", "a", "b"):
        await agent.run(text)
    assert len(model.requests) == 4  # a, b, c, and b again


def test_a_size_is_a_whole_number() -> None:
    with pytest.raises(ConfigurationError, match="Cache: size=0"):
        Cache(0)
