"""Whole runs against llama.cpp's own server: real chunks, real grammar, random contents."""

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from agentkit import (
    Agent,
    BadRequest,
    ChatClient,
    ContextOverflow,
    Limits,
    RemoteModel,
    RunState,
    Settings,
    TextDelta,
    ToolFinished,
    ToolProposed,
    ToolStarted,
    tool,
)
from agentkit.chat import ChatRequest, UserMessage

SEEDED = Settings(seed=1)  # the toy model's words are random; now and then they fill its whole token limit


class Place(BaseModel):
    """A value the grammar has to fill in."""

    city: str = Field(max_length=20)
    kind: Literal["town", "village"]
    people: int = Field(ge=1, le=9)


@pytest.mark.anyio
async def test_a_run_calls_the_tool_with_valid_arguments_and_answers(llamacpp: str) -> None:
    seen: list[tuple[str, int]] = []

    @tool(effect="read")
    def get_weather(unit: Literal["celsius", "fahrenheit"], days: int) -> str:
        """Weather of the next days.

        Args:
            unit: Unit of the temperature
            days: How many days
        """
        seen.append((unit, days))
        return "sunny"

    async with Agent(RemoteModel("tiny", base_url=llamacpp), tools=[get_weather], settings=SEEDED) as agent:
        result = await agent.run("What is the weather?")

    assert result.status == "done"
    assert result.output
    assert seen
    assert {unit for unit, _ in seen} <= {"celsius", "fahrenheit"}
    roles = [message.role for message in result.messages]
    assert roles == ["user", "assistant", *["tool"] * len(seen), "assistant"]
    assert result.usage.requests == 2
    assert result.usage.total_tokens > 0


@pytest.mark.anyio
async def test_a_streamed_run_tells_the_call_then_the_text(llamacpp: str) -> None:
    @tool
    def flip(coin: bool) -> str:
        """Flip a coin.

        Args:
            coin: Which side is up
        """
        return "heads" if coin else "tails"

    agent = Agent(RemoteModel("tiny", base_url=llamacpp), tools=[flip], settings=SEEDED)
    kinds: list[str] = []
    pieces: list[str] = []
    async with agent.stream("Flip it.") as run:
        async for event in run:
            kinds.append(type(event).__name__)
            if isinstance(event, TextDelta):
                pieces.append(event.text)
    assert "".join(pieces).endswith(run.result.output)
    order = [kinds.index(kind.__name__) for kind in (ToolProposed, ToolStarted, ToolFinished, TextDelta)]
    assert order == sorted(order)


@pytest.mark.anyio
async def test_structured_output_is_what_the_grammar_made(llamacpp: str) -> None:
    agent = Agent(RemoteModel("tiny", base_url=llamacpp), output=Place, settings=SEEDED)
    place = (await agent.run("Name a place.")).output
    assert isinstance(place, Place)


@pytest.mark.anyio
async def test_a_call_waits_for_approval_and_runs_after_it(llamacpp: str) -> None:
    done: list[int] = []

    @tool(approval=True)
    def refund(order: int) -> str:
        """Refund an order.

        Args:
            order: Its number
        """
        done.append(order)
        return "refunded"

    agent = Agent(RemoteModel("tiny", base_url=llamacpp), tools=[refund], settings=SEEDED)
    result = await agent.run("Refund it.")
    assert result.status == "waiting"
    assert done == []
    state = RunState.model_validate_json(result.state.model_dump_json())
    for call in state.waiting:
        state = state.approve(call)
    result = await agent.run(state)
    assert result.status == "done"
    assert len(done) >= 1


@pytest.mark.anyio
async def test_usage_comes_with_a_stream(llamacpp: str) -> None:
    agent = Agent(RemoteModel("tiny", base_url=llamacpp), limits=Limits(turns=1), settings=SEEDED)
    async with agent.stream("Say something.") as run:
        text = "".join([piece async for piece in run.text()])
    assert text == run.result.output
    assert run.result.usage.completion_tokens > 0
    assert run.result.usage.requests_unknown == 0


@pytest.mark.anyio
async def test_too_long_a_conversation_is_a_context_overflow(llamacpp: str) -> None:
    agent = Agent(RemoteModel("tiny", base_url=llamacpp))
    with pytest.raises(ContextOverflow) as caught:
        await agent.run("hello world " * 20_000)
    assert isinstance(caught.value, BadRequest)
    assert caught.value.status == 400
    assert RunState.of(caught.value).messages


@pytest.mark.anyio
async def test_the_client_alone_completes_and_streams(llamacpp: str) -> None:
    request = ChatRequest.of("tiny", (UserMessage(content="hello"),), settings=Settings(seed=1, temperature=0))
    async with ChatClient(llamacpp) as client:
        whole = await client.complete(request)
        async with client.stream(request) as stream:
            chunks = [chunk async for chunk in stream]
    assert len(chunks) > 2
    assert stream.completion.choices[0].message.text == whole.choices[0].message.text
