"""What type checkers know of a run's events: checked by mypy and pyright, not run."""

from collections.abc import Iterator
from typing import Any, Literal, assert_never, assert_type

from agentkit import (
    Agent,
    AgentChanged,
    AgentEvent,
    Event,
    PartialOutput,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    RunFinished,
    RunResult,
    RunStarted,
    RunState,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolProposed,
    ToolStarted,
    Waiting,
    event_json,
)


def every_event_is_matched(event: Event) -> str:
    match event:
        case RunStarted(run_id, agent):
            return run_id + agent
        case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
            return text
        case PartialOutput():
            return event_json(event)
        case ToolProposed(call) | ToolStarted(call):
            return call.name
        case ToolProgress(call, message):
            return call.id + message
        case ToolFinished(call, result):
            return call.arguments + result.content
        case AgentChanged(agent):
            return agent
        case AgentEvent(call=name, inner=inner):
            return name + every_event_is_matched(inner)
        case Waiting(call=name):
            return name
        case Restarted(reason):
            return reason
        case RunFinished(status):
            return status
        case _:
            assert_never(event)


def fields_have_their_types(event: Event) -> None:
    match event:
        case TextDelta() | ReasoningDelta() | RefusalDelta():
            assert_type(event.text, str)
            assert_type(event.choice, int)
        case PartialOutput():
            assert_type(event.value, Any)
            assert_type(event.choice, int)
        case ToolProgress():
            assert_type(event.message, str)
            assert_type(event.done, float | None)
            assert_type(event.total, float | None)
        case ToolFinished():
            assert_type(
                event.result.status,
                Literal["ok", "error", "invalid", "denied", "cancelled", "timeout", "unknown"],
            )
            assert_type(event.result.content, str)
            assert_type(event.result.whole, str | None)
            assert_type(event.result.images, tuple[str, ...])
        case ToolProposed() | ToolStarted():
            assert_type(event.call.id, str)
            assert_type(event.call.arguments, str)
        case Waiting():
            assert_type(event.call, str)
            assert_type(event.tool, str)
            assert_type(event.why, Literal["approval", "external", "unknown"])
        case RunFinished():
            assert_type(event.status, Literal["done", "waiting"])
        case AgentEvent():
            assert_type(event.inner, Event)
        case RunStarted() | AgentChanged() | Restarted():
            assert_type(event, RunStarted | AgentChanged | Restarted)
        case _:
            assert_never(event)


async def a_stream_gives_events(agent: Agent[None, int]) -> None:
    async with agent.stream("hi") as run:
        async for event in run:
            assert_type(every_event_is_matched(event), str)
            if isinstance(event, TextDelta):
                assert_type(event, TextDelta)
        assert_type(run.state, RunState | None)
        assert_type(run.result, RunResult[int])
    async with agent.stream("hi") as run:
        async for text in run.text():
            assert_type(text, str)
        assert_type(await run.finish(), RunResult[int])


def a_sync_stream_too(agent: Agent[None, list[str]]) -> Iterator[str]:
    with agent.stream_sync("hi") as run:
        for event in run:
            yield event_json(event)
        assert_type(run.state, RunState | None)
        assert_type(run.result.output, list[str])
    with agent.stream_sync("hi") as run:
        yield from run.text()
        assert_type(run.finish(), RunResult[list[str]])
