"""Runs as streams of events: their views, early starts, and what half a message must never do."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from agentkit import (
    Agent,
    ConfigurationError,
    FunctionModel,
    OutputTruncated,
    PartialOutput,
    RemoteModel,
    RunFinished,
    RunStarted,
    RunState,
    ScriptedModel,
    StreamTruncated,
    TextDelta,
    ToolFinished,
    ToolStarted,
    event_json,
    tool,
)
from agentkit.chat import ChatCompletion, ChatRequest, OnChunk, PartialCompletion
from agentkit.run.sync import _KEPT
from tests.invariants import check_invariants
from tests.loopback import serve, whole

pytestmark = pytest.mark.anyio


@tool(effect="read")
async def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


class Chunks:
    """A model that tells given chunks, with a pause where the script has a callable."""

    def __init__(self, *script: Any) -> None:
        self.script, self.asked = script, 0

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        self.asked += 1
        partial = PartialCompletion()
        for item in self.script if self.asked == 1 else (_text("done"), _finish("stop")):
            if callable(item):
                await item()
                continue
            partial.add(item)
            if on_chunk is not None:
                await on_chunk(item, partial)
        return partial.completion()


def _text(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def _call(index: int, name: str, arguments: str) -> dict[str, Any]:
    call = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}


def _finish(reason: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


async def test_events_tell_the_whole_story_and_each_start_ends_once() -> None:
    agent = Agent(
        ScriptedModel([[("double", {"number": 1}), ("double", {"number": 2})], "two and four"]), tools=[double]
    )
    async with agent.stream("go") as run:
        events = [event async for event in run]
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "two and four" == run.result.output
    started = [e.call.id for e in events if isinstance(e, ToolStarted)]
    finished = [e.call.id for e in events if isinstance(e, ToolFinished)]
    assert sorted(started) == sorted(finished) == ["0.0", "0.1"]
    assert all('"event":' in event_json(e) for e in events)


async def test_the_result_before_the_end_is_an_error_that_says_what_to_do() -> None:
    async with Agent(ScriptedModel(["hi"])).stream("go") as run:
        with pytest.raises(ConfigurationError, match="finish"):
            _ = run.result
        assert (await run.finish()).output == "hi"


async def test_text_yields_just_the_text() -> None:
    async with Agent(ScriptedModel(["hello there"])).stream("go") as run:
        assert "".join([piece async for piece in run.text()]) == "hello there"


async def test_a_run_can_tell_a_callback_each_event_at_the_moment_it_happens() -> None:
    told: list[str] = []

    @tool
    async def note() -> str:
        """What was told before."""
        return " ".join(told)

    async def tell(event: object) -> None:
        told.append(type(event).__name__)

    run = Agent(ScriptedModel([[("note", {})], "done"]), tools=[note]).stream("go")
    result = await run.tell(tell)
    assert result.output == run.result.output == "done"
    assert result.messages[2].content == "RunStarted ToolProposed ToolStarted"
    assert told[-1] == "RunFinished"


async def test_a_callback_s_run_raises_its_error_with_the_state() -> None:
    async def tell(event: object) -> None: ...

    run = Agent(ScriptedModel([])).stream("go")
    with pytest.raises(ConfigurationError) as caught:
        await run.tell(tell)
    assert len(RunState.of(caught.value).messages) == 1


async def test_a_read_call_starts_while_its_message_still_streams() -> None:
    ran = anyio.Event()

    @tool(effect="read")
    async def look(place: str) -> str:
        """Look somewhere."""
        ran.set()
        return place

    model = Chunks(
        _call(0, "look", '{"place": "a"}'),
        _call(1, "look", '{"place"'),
        ran.wait,
        _call(1, "look", ': "b"}'),
        _finish("tool_calls"),
    )
    async with Agent(model, tools=[look]).stream("go") as run:
        with anyio.fail_after(5):
            result = await run.finish()
    assert [str(m.content) for m in result.messages if m.role == "tool"] == ["a", "b"]
    check_invariants(result.state)


async def test_a_write_call_never_starts_before_its_message_is_complete() -> None:
    ran: list[str] = []

    @tool
    async def write(place: str) -> str:
        """Write somewhere."""
        ran.append(place)
        return "ok"

    async def nothing_ran() -> None:
        await anyio.wait_all_tasks_blocked()
        assert ran == []

    model = Chunks(
        _call(0, "write", '{"place": "a"}'), _call(1, "write", '{"place": "b"}'), nothing_ran, _finish("tool_calls")
    )
    async with Agent(model, tools=[write]).stream("go") as run:
        await run.finish()
    assert sorted(ran) == ["a", "b"]


async def test_a_cut_stream_runs_no_tool_and_drops_what_it_started() -> None:
    started, cancelled = anyio.Event(), anyio.Event()

    @tool(effect="read")
    async def look(place: str) -> str:
        """Look somewhere."""
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return ""

    model = Chunks(_call(0, "look", '{"place": "a"}'), _call(1, "look", '{"pl'), started.wait)
    with pytest.raises(StreamTruncated) as caught:
        async with Agent(model, tools=[look]).stream("go") as run:
            await run.finish()
    assert cancelled.is_set()
    state = RunState.of(caught.value)
    assert [m.role for m in state.messages] == ["user"]
    check_invariants(state)


async def test_a_message_cut_by_its_token_limit_runs_nothing_and_can_be_continued() -> None:
    ran: list[int] = []

    @tool
    async def write(place: str) -> str:
        """Write somewhere."""
        ran.append(1)
        return "ok"

    model = Chunks(_call(0, "write", '{"place": "a'), _finish("length"))
    agent = Agent(model, tools=[write])
    with pytest.raises(OutputTruncated) as caught:
        await agent.run("go")
    assert ran == []
    assert (await agent.run(RunState.of(caught.value))).output == "done"


async def test_leaving_the_block_cancels_the_run() -> None:
    cancelled = anyio.Event()

    @tool(effect="read")
    async def forever() -> str:
        """Never ends."""
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return ""

    agent = Agent(ScriptedModel([[("forever", {})], "x"]), tools=[forever])
    async with agent.stream("go") as run:
        async for event in run:
            if isinstance(event, ToolStarted):
                break
    assert cancelled.is_set()
    assert run.state is not None
    check_invariants(run.state)


class City(BaseModel):
    name: str
    people: int


async def test_structured_output_streams_partial_objects() -> None:
    agent = Agent(ScriptedModel(['{"name": "Paris", "people": 2100000}']), output=City)
    async with agent.stream("go") as run:
        partial = [event.value async for event in run if isinstance(event, PartialOutput)]
    assert run.result.output == City(name="Paris", people=2100000)
    assert partial[-1] == {"name": "Paris", "people": 2100000}
    assert len(partial) > 1


async def test_an_invalid_answer_is_shown_its_problems_and_asked_again() -> None:
    model = ScriptedModel(['{"name": "Paris"}', '{"name": "Paris", "people": 1}'])
    result = await Agent(model, output=City).run("go")
    assert result.output.people == 1
    assert "people: Field required" in str(model.requests[1].messages[-1].content)


async def test_lists_and_numbers_are_wrapped_in_an_object() -> None:
    model = ScriptedModel(['{"result": [1, 2]}'])
    result = await Agent(model, output=list[int]).run("go")
    assert result.output == [1, 2]
    body = model.requests[0].model_dump(exclude_unset=True, by_alias=True)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["result"]


def test_sync_views_give_the_same_as_async_ones() -> None:
    agent = Agent(ScriptedModel([[("double", {"number": 3})], "six"]), tools=[double])
    assert agent.run_sync("go").output == "six"
    with agent.stream_sync("go") as run:
        events = list(run)
    assert run.result.output == "six"
    assert [type(e).__name__ for e in events if isinstance(e, ToolFinished)] == ["ToolFinished"]


def test_sync_views_see_the_callers_context_and_overrides() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    @tool
    def whoami() -> str:
        """Who."""
        return who.get()

    agent = Agent("offline", tools=[whoami])
    agent.run_sync("warm the loop up before the context is set")
    who.set("alice")
    with agent.override(model=ScriptedModel([[("whoami", {})], "overridden"])):
        result = agent.run_sync("hi")
        with agent.stream_sync("hi") as run:
            streamed = run.finish()
    for one in (result, streamed):
        assert (one.output, one.messages[2].content) == ("overridden", "alice")


def test_stream_sync_left_early_ends_the_run_and_its_thread() -> None:
    agent = Agent(FunctionModel(lambda request: "a long answer"))
    threads = set(threading.enumerate())
    with agent.stream_sync("go") as run:
        for _ in run:
            break
    with pytest.raises(ZeroDivisionError), agent.stream_sync("go"):
        raise ZeroDivisionError
    assert set(threading.enumerate()) <= threads


def test_a_thread_keeps_the_connections_of_the_last_models_alone() -> None:
    def ask_many() -> None:
        for number in range(_KEPT + 3):
            agent = Agent(RemoteModel(f"m{number}", base_url=server.base_url))
            assert agent.run_sync("go").output == "done"
        for _ in range(1000):  # the server hears of an end a moment later
            if server.open_connections == _KEPT:
                kept.append(_KEPT)
                break
            time.sleep(0.005)

    kept: list[int] = []
    with serve(lambda received: whole({"choices": [{"message": {"content": "done"}}]})) as server:
        thread = threading.Thread(target=ask_many)  # its loop and connections end with it
        thread.start()
        thread.join(20)
    assert (kept, server.connections) == ([_KEPT], _KEPT + 3)


async def test_run_sync_inside_a_running_loop_says_what_to_do_instead(anyio_backend: str) -> None:
    if anyio_backend == "trio":
        return
    with pytest.raises(ConfigurationError, match=r"await agent\.run"):
        Agent("offline").run_sync("go")
