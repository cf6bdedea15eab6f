"""llama.cpp's own server: twenty runs of twenty, forced calls, formats, logprobs, choices, and cut calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from agentkit import Agent, Limits, OutputTruncated, PartialOutput, RemoteModel, RunState, Settings, tool
from agentkit.chat import Choice, ToolMessage
from tests.backends import trio_is_slow
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

RUNS = 20


class Counter:
    """Tools of which each effect is counted outside agentkit."""

    def __init__(self) -> None:
        self.looked: list[tuple[str, int]] = []
        self.booked: list[tuple[str, bool]] = []

    @tool(effect="read")
    async def look(self, kind: Literal["town", "village"], people: int = Field(ge=1, le=9)) -> dict[str, object]:
        """Look places up.

        Args:
            kind: Kind of place
            people: How many people live there
        """
        self.looked.append((kind, people))
        return {"kind": kind, "people": people}

    @tool
    def book(self, room: Literal["single", "double"], breakfast: bool) -> str:
        """Book a room.

        Args:
            room: Kind of room
            breakfast: Whether breakfast is wanted
        """
        self.booked.append((room, breakfast))
        return "booked"


def agent_over(base_url: str, counter: Counter, seed: int, **settings: object) -> Agent[None, str]:
    made = Settings(seed=seed, max_completion_tokens=400, **settings)
    return Agent(RemoteModel("tiny", base_url=base_url), tools=[counter], settings=made, limits=Limits(repeats=None))


@trio_is_slow
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_twenty_of_twenty_runs_call_tools_and_answer(llamacpp: str, streamed: bool) -> None:
    finished = said = 0
    for seed in range(RUNS):
        counter = Counter()
        agent = agent_over(llamacpp, counter, seed)
        if streamed:
            async with agent.stream("Look, then book.") as run:
                result = await run.finish()
        else:
            result = await agent.run("Look, then book.")
        effects = len(counter.looked) + len(counter.booked)
        answers = [m for m in result.messages if isinstance(m, ToolMessage)]
        assert 1 <= effects == len(answers)
        assert all("error" not in str(m.content).lower() for m in answers)
        assert result.status == "done"
        said += bool(result.output)
        # Every answer told its tokens; an attempt that the server broke off, and that was made again, is one more request.
        assert result.usage.requests - result.usage.requests_unknown == len(result.completions)
        check_invariants(result.state)
        finished += 1
    assert finished == RUNS
    assert said >= RUNS // 2  # the model's words are random, and sometimes it has none


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "book"}}], ids=["required", "named"]
)
async def test_a_forced_call_is_made_once_and_the_run_ends(llamacpp: str, choice: object, streamed: bool) -> None:
    counter = Counter()
    agent = agent_over(llamacpp, counter, 3, tool_choice=choice)
    if streamed:
        async with agent.stream("Hello.") as run:
            result = await run.finish()
    else:
        result = await agent.run("Hello.")
    assert counter.looked or counter.booked
    if not isinstance(choice, str):  # sent as `required` with this tool alone, which the server cannot get wrong
        assert not counter.looked
    assert result.usage.requests - result.usage.requests_unknown == len(result.completions) == 2
    check_invariants(result.state)


async def test_no_tool_is_called_when_the_choice_is_none(llamacpp: str) -> None:
    counter = Counter()
    result = await agent_over(llamacpp, counter, 1, tool_choice="none").run("Hello.")
    assert result.output
    assert counter.looked == counter.booked == []


class Trip(BaseModel):
    """What the grammar fills in."""

    stops: list[Literal["north", "south"]] = Field(min_length=1, max_length=3)
    nights: int = Field(ge=1, le=9)
    note: str = Field(max_length=12)


async def test_structured_output_streams_as_growing_objects(llamacpp: str) -> None:
    agent = Agent(RemoteModel("tiny", base_url=llamacpp), output=Trip, settings=Settings(seed=2))
    partial: list[dict[str, object]] = []
    async with agent.stream("Plan a trip.") as run:
        async for event in run:
            if isinstance(event, PartialOutput):
                partial.append(event.value)
    trip = run.result.output
    assert isinstance(trip, Trip)
    assert len(partial) > 2
    assert partial[-1] == trip.model_dump()


@pytest.mark.parametrize("output", [list[int], Literal["yes", "no"], bool], ids=["list", "literal", "bool"])
async def test_outputs_that_are_no_objects_come_wrapped(llamacpp: str, output: object) -> None:
    settings = Settings(seed=4, max_completion_tokens=200)
    agent = Agent(RemoteModel("tiny", base_url=llamacpp), output=output, settings=settings)  # type: ignore[call-overload]
    try:
        value = (await agent.run("Say.")).output
    except OutputTruncated:  # an endless list of random numbers
        assert output == list[int]
    else:
        assert isinstance(value, list) or value in ("yes", "no", True, False)


async def test_log_probabilities_give_a_confidence_for_each_field(llamacpp: str) -> None:
    settings = Settings(seed=2, logprobs=True, top_logprobs=2)
    agent = Agent(RemoteModel("tiny", base_url=llamacpp), output=Trip, settings=settings)
    result = await agent.run("Plan a trip.")
    confidence = result.confidence
    assert confidence is not None
    assert 0 < confidence.overall <= 1
    for path in ("nights", "stops", "note"):
        assert 0 < confidence.of(path) <= 1
    assert confidence.text.strip() == result.completions[-1].message.text
    assert all(0 < probability <= 1 for _, probability in confidence.tokens)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_two_choices_come_and_the_chooser_takes_one(llamacpp: str, streamed: bool) -> None:
    seen: list[int] = []

    def last(choices: Sequence[Choice]) -> Choice:
        seen.append(len(choices))
        return choices[-1]

    agent = Agent(RemoteModel("tiny", base_url=llamacpp), settings=Settings(seed=5, n=2, temperature=1.0), choose=last)
    if streamed:
        async with agent.stream("Say something.") as run:
            result = await run.finish()
    else:
        result = await agent.run("Say something.")
    assert seen == [2]
    assert [choice.index for choice in result.completions[0].choices] == [0, 1]
    assert result.output == result.completions[0].choices[1].message.text


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_call_cut_by_its_token_limit_runs_nothing_and_the_state_goes_on(llamacpp: str, streamed: bool) -> None:
    counter = Counter()
    cut = agent_over(llamacpp, counter, 1).replace(settings=Settings(seed=1, max_completion_tokens=6))
    with pytest.raises(OutputTruncated) as raised:
        if streamed:
            async with cut.stream("Book.") as run:
                await run.finish()
        else:
            await cut.run("Book.")
    assert counter.looked == counter.booked == []
    state = RunState.of(raised.value)
    assert state is not None
    check_invariants(state)
    again = RunState.model_validate_json(state.model_dump_json())
    result = await agent_over(llamacpp, counter, 1).run(again)
    assert counter.looked or counter.booked
    assert result.output
    assert result.usage.requests == 3  # the cut one is counted too
    check_invariants(result.state)


async def test_arguments_that_reached_the_tools_are_what_the_messages_say(llamacpp: str) -> None:
    counter = Counter()
    result = await agent_over(llamacpp, counter, 7).run("Look, then book.")
    asked = [json.loads(call.text) for m in result.messages if m.role == "assistant" for call in m.calls]
    had = [{"kind": kind, "people": people} for kind, people in counter.looked]
    had += [{"room": room, "breakfast": breakfast} for room, breakfast in counter.booked]
    assert sorted(map(str, asked)) == sorted(map(str, had))
