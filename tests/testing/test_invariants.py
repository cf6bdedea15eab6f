"""The invariants that ship must be able to fail: each is shown a run that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import (
    Agent,
    AgentKitError,
    Event,
    LimitReached,
    Limits,
    RemoteModel,
    RunFinished,
    RunResult,
    RunStarted,
    RunState,
    ScriptedModel,
    TextDelta,
    ToolFinished,
    ToolStarted,
    tool,
)
from agentkit.journal import Admitted, Completion, Decision, Input, Result, Started
from agentkit.testing import FakeServer, check_invariants

pytestmark = pytest.mark.anyio
SECRET = "my-own-key-0123456789"  # no client's: while one lives, its key is scrubbed from what tools say
KEY = "a-clients-key-0123456789"


@tool
async def f(n: int = 0) -> str:
    """F."""
    return f"f{n}"


@tool
async def g() -> str:
    """G."""
    return f"g has {SECRET}"


SCRIPT: list[Any] = [[("f", {"n": 1}), ("f", {"n": 2})], [("f", {})], "all of it is done"]


async def told(agent: Agent[None, str]) -> tuple[list[Event], RunResult[str]]:
    events: list[Event] = []
    async with agent.stream("go") as run:
        async for event in run:
            events.append(event)
    return events, run.result


async def test_a_streamed_run_over_http_holds_all_of_them() -> None:
    with FakeServer(SCRIPT) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url, api_key=KEY), tools=[f])
        events, result = await told(agent)
        check_invariants(result, events=events, server=server, secrets=[KEY])
        assert server.billed.total_tokens > 0
        await agent.run("go")
        with pytest.raises(AssertionError, match="the server billed .* prompt_tokens, the run counts"):
            check_invariants(result, server=server)


async def test_events_that_do_not_tell_the_run_are_found() -> None:
    events, result = await told(Agent(ScriptedModel(SCRIPT), tools=[f]))
    check_invariants(result, events=events)
    started = next(n for n, event in enumerate(events) if isinstance(event, ToolStarted))
    finished = next(n for n, event in enumerate(events) if isinstance(event, ToolFinished))
    piece = next(n for n, event in enumerate(events) if isinstance(event, TextDelta))
    broken: dict[str, list[Event]] = {
        "event 0 is": events[1:],
        "event 1 is RunStarted": [events[0], *events],
        "was told to start twice": [*events[: started + 1], *events[started:]],
        "were told to start, and never to end": events[:finished] + events[finished + 1 :],
        "was told to end twice": [*events[: finished + 1], *events[finished:]],
        "the pieces of text are": events[:piece] + events[piece + 1 :],
    }
    for problem, wrong in broken.items():
        with pytest.raises(AssertionError, match=problem):
            check_invariants(result, events=wrong)
    check_invariants(result, events=[RunStarted("r", "agent"), RunFinished("done")])  # a run without pieces of text


async def test_a_write_that_started_twice_is_found_unless_somebody_asked_for_it() -> None:
    state = (await Agent(ScriptedModel(SCRIPT), tools=[f]).run("go")).state
    kept = [entry for entry in state.entries if isinstance(entry, Input | Completion)][:2]
    once = [*kept, Admitted("0.0", '{"n":1}', "write"), Started("0.0")]
    check_invariants(RunState.folded("", once))
    check_invariants(RunState.folded("", [*once, Decision("0.0", "retry"), Started("0.0", 2)]))
    with pytest.raises(AssertionError, match=r"the write call 0\.0 was started twice"):
        check_invariants(RunState.folded("", [*once, Started("0.0", 2)]))
    with pytest.raises(AssertionError, match=r"the write call 0\.0 was started, and is told as cancelled"):
        check_invariants(RunState.folded("", [*once, Result("0.0", "cancelled", "cancelled: no")]))


async def test_a_history_that_cannot_be_sent_is_found() -> None:
    class Broken(RunState):
        @property
        def messages(self) -> Any:
            return super().messages[:2]

    state = (await Agent(ScriptedModel(SCRIPT), tools=[f]).run("go")).state
    with pytest.raises(AssertionError, match=r"the calls \['call_0_0', 'call_0_1'\] are followed by \[\]"):
        check_invariants(Broken(**state.__dict__))


async def test_a_secret_in_a_state_or_an_error_is_found() -> None:
    agent = Agent(ScriptedModel([[("g", {})], "done"]), tools=[g])
    result = await agent.run("go")
    check_invariants(result)
    with pytest.raises(AssertionError, match="a secret is told"):
        check_invariants(result, secrets=[SECRET])
    with pytest.raises(LimitReached) as raised:
        await Agent(ScriptedModel(SCRIPT), tools=[f]).run("go", limits=Limits(turns=1))
    check_invariants(raised.value, secrets=[SECRET])
    raised.value.__cause__ = ValueError(SECRET)
    with pytest.raises(AssertionError, match="a secret is told"):
        check_invariants(raised.value, secrets=[SECRET])


async def test_an_error_outside_the_documented_tree_is_found() -> None:
    class Own(AgentKitError):
        """Not in the tree."""

    error = Own("no")
    error.state = RunState()
    with pytest.raises(AssertionError, match="Own is under no error of the documented tree"):
        check_invariants(error)
