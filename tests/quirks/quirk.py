"""A provider's quirk as raw bytes, and what a whole run over loopback makes of them.

A row's test is a run: what the tools were called with, how often, what the next request said, what came out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import anyio
import pytest

from agentkit import Agent, AgentKitError, RemoteModel, RunResult, RunState, Settings, Tool, tool
from agentkit.chat import Usage
from tests.invariants import check_invariants
from tests.loopback import Ending, Received, Reply, serve, whole

View = Literal["asyncio", "trio", "sync"]
VIEWS: tuple[View, ...] = ("asyncio", "trio", "sync")
CUTS = (1, 7, None)
STREAM = {"content-type": "text/event-stream"}


@dataclass
class Outcome:
    """What became of a run."""

    ran: list[tuple[str, dict[str, Any]]]
    requests: list[Received]
    result: RunResult[str] | None = None
    error: AgentKitError | None = None

    @property
    def text(self) -> str:
        assert self.result is not None, self.error
        return self.result.output

    @property
    def usage(self) -> Usage:
        assert self.result is not None, self.error
        return self.result.usage

    @property
    def sent_back(self) -> dict[str, Any]:
        """The assistant message of the second request."""
        found: dict[str, Any] = next(m for m in self.requests[1].json["messages"] if m["role"] == "assistant")
        return found

    @property
    def told(self) -> list[str]:
        """The tool messages of the second request."""
        return [m["content"] for m in self.requests[1].json["messages"] if m["role"] == "tool"]


@dataclass(frozen=True)
class Quirk:
    """Raw bytes of a first answer; the second answer is the text "done"."""

    id: str
    raw: bytes
    ran: tuple[tuple[str, dict[str, Any]], ...] = ()
    text: str = "done"
    error: type[AgentKitError] | None = None
    also: Callable[[Outcome], object] | None = None
    streamed: bool = True
    headers: dict[str, str] = field(default_factory=lambda: STREAM)
    ending: Ending = "keep"
    status: int = 200
    settings: Settings | None = None

    def first(self, cut: int | None) -> Reply:
        return Reply(self.raw, cut, self.status, self.headers, self.ending)


def tools(ran: list[tuple[str, dict[str, Any]]]) -> list[Tool[..., Any]]:
    """Tools that write down what they were called with: real effects, counted outside agentkit."""

    @tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        ran.append(("add", {"a": a, "b": b}))
        return a + b

    @tool
    async def look(city: str) -> str:
        """Look a city up."""
        ran.append(("look", {"city": city}))
        return f"{city} is there"

    @tool
    async def ping() -> str:
        """No arguments."""
        ran.append(("ping", {}))
        return "pong"

    return [add, look, ping]


def run_over(base_url: str, ran: list[tuple[str, dict[str, Any]]], view: View, quirk: Quirk) -> RunResult[str]:
    """One whole run in one of the views."""
    model = RemoteModel("m", base_url=base_url, retries=0)
    agent = Agent(model, tools=tools(ran), settings=quirk.settings or Settings())
    if view == "sync":
        if not quirk.streamed:
            return agent.run_sync("go")
        with agent.stream_sync("go") as run:
            return run.finish()
    return anyio.run(partial(_finished, agent, quirk.streamed), backend=view)


async def _finished(agent: Agent[None, str], streamed: bool) -> RunResult[str]:
    if not streamed:
        return await agent.run("go")
    async with agent.stream("go") as run:
        return await run.finish()


def outcome_of(quirk: Quirk, cut: int | None, view: View) -> Outcome:
    ran: list[tuple[str, dict[str, Any]]] = []
    replies = [quirk.first(cut), whole(_DONE) if not quirk.streamed else Reply(_DONE_STREAM, headers=STREAM)]
    with serve(replies) as server:
        outcome = Outcome(ran, server.requests)
        try:
            outcome.result = run_over(server.base_url, ran, view, quirk)
        except AgentKitError as error:
            outcome.error = error
    return outcome


def check(quirk: Quirk, cut: int | None, view: View) -> None:
    """The row's outcome, and what holds of every run."""
    outcome = outcome_of(quirk, cut, view)
    assert sorted(outcome.ran, key=str) == sorted(quirk.ran, key=str)
    if quirk.error is not None:
        assert type(outcome.error) is quirk.error, outcome.error or outcome.result
        state = RunState.of(outcome.error)
        assert state is not None
        check_invariants(state)
    else:
        assert outcome.error is None
        assert outcome.text == quirk.text
        assert outcome.result is not None
        check_invariants(outcome.result.state)
        if quirk.ran:
            _check_sent(outcome)
    if quirk.also is not None:
        assert quirk.also(outcome) is not False


def _check_sent(outcome: Outcome) -> None:
    """The next request pairs each call with its result, in order, under ids and arguments that servers accept."""
    messages = outcome.requests[1].json["messages"]
    calls = outcome.sent_back["tool_calls"]
    assert [m["tool_call_id"] for m in messages if m["role"] == "tool"] == [call["id"] for call in calls]
    assert len({call["id"] for call in calls}) == len(calls)
    for call in calls:
        assert call["id"]
        assert isinstance(json.loads(call["function"]["arguments"]), dict)


def rows(*quirks: Quirk) -> Any:
    """Each row in each view, cut in pieces of 1, 7 and all bytes."""
    return pytest.mark.parametrize(
        ("quirk", "cut", "view"),
        [
            pytest.param(quirk, cut, view, id=f"{quirk.id}-{cut or 'whole'}-{view}")
            for quirk in quirks
            for cut in CUTS
            for view in VIEWS
        ],
    )


def event(body: dict[str, Any] | str) -> bytes:
    """One `data:` event."""
    return f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()


def delta(*calls: dict[str, Any], reason: str | None = None, **fields: Any) -> bytes:
    """An event with one choice's delta."""
    body: dict[str, Any] = {**fields}
    if calls:
        body["tool_calls"] = list(calls)
    return event({"choices": [{"index": 0, "delta": body, "finish_reason": reason}]})


def call(
    name: str | None = None, arguments: Any = None, *, id: str | None = None, index: int | None = None
) -> dict[str, Any]:
    """A call's delta; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    rest = {key: value for key, value in (("id", id), ("index", index)) if value is not None}
    return {**rest, "function": function}


def end(reason: str | None = "tool_calls") -> bytes:
    """The finish reason, and [DONE]."""
    return delta(reason=reason) + DONE


DONE = b"data: [DONE]\n\n"
_DONE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}]}
_DONE_STREAM = delta(content="done") + end("stop")
