"""The golden run: six turns with parallel calls, a sync tool, an approval, bad arguments, an error and an answer.

Each effect is counted outside agentkit, under the key of the call that made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.lowlevel

from agentkit import Agent, Context, RunResult, RunState, ScriptedModel, Session, Tool, tool
from agentkit.testing import check_invariants

SCRIPT: list[Any] = [
    [("pay", {"amount": 1}), ("look", {"what": "a"})],
    [("note", {"text": "sync"})],
    [("refund", {"amount": 3})],
    [("pay", {"amount": "much"})],
    [("pay", {"amount": 4}), ("fail", {}), ("tag", {"name": "t"})],
    "done",
]
WRITES = {"pay", "note", "refund"}
EXPECTED = {"pay": 2, "note": 1, "refund": 1}  # calls with an effect in a run that nothing disturbs


class Effects:
    """What really happened: (tool, key of the call) for each effect. `point` is told of each moment around one."""

    def __init__(self, point: Callable[[str], None] = lambda name: None) -> None:
        self.done: list[tuple[str, str]] = []
        self.point = point

    def add(self, name: str, ctx: Context[Any]) -> None:
        self.point(f"before {name}")
        self.done.append((name, ctx.idempotency_key))
        self.point(f"after {name}")

    def check_at_most_once(self) -> None:
        """No effect of a write call happened twice."""
        twice = {key: n for key, n in Counter(self.done).items() if n > 1 and key[0] in WRITES}
        assert twice == {}

    def counted(self) -> dict[str, int]:
        return {name: sum(1 for done, _ in set(self.done) if done == name) for name in EXPECTED}


def tools(effects: Effects) -> list[Tool[..., Any]]:
    @tool
    async def pay(ctx: Context[Any], amount: int) -> str:
        """Pay an amount."""
        await anyio.lowlevel.checkpoint()
        effects.add("pay", ctx)
        await anyio.lowlevel.checkpoint()
        return f"paid {amount}"

    @tool(effect="read")
    async def look(ctx: Context[Any], what: str) -> str:
        """Look something up."""
        await anyio.lowlevel.checkpoint()
        effects.add("look", ctx)
        await anyio.lowlevel.checkpoint()
        return f"saw {what}"

    @tool(thread=False)
    def note(ctx: Context[Any], text: str) -> str:
        """Note a text."""
        effects.add("note", ctx)
        return f"noted {text}"

    @tool(approval=True)
    async def refund(ctx: Context[Any], amount: int) -> str:
        """Refund an amount."""
        await anyio.lowlevel.checkpoint()
        effects.add("refund", ctx)
        await anyio.lowlevel.checkpoint()
        return f"refunded {amount}"

    @tool
    async def fail() -> str:
        """Fails, whatever happens."""
        raise ValueError("no such thing")

    @tool(effect="idempotent")
    async def tag(ctx: Context[Any], name: str) -> str:
        """Set a tag."""
        await anyio.lowlevel.checkpoint()
        effects.add("tag", ctx)
        await anyio.lowlevel.checkpoint()
        return f"tagged {name}"

    return [pay, look, note, refund, fail, tag]


def golden_agent(effects: Effects) -> Agent[None, str]:
    return Agent(ScriptedModel(SCRIPT), tools=tools(effects))


def decided(state: RunState) -> RunState:
    """Every waiting call decided: approvals given; for an unknown outcome the model is told so."""
    for call in state.waiting:
        state = state.approve(call) if call.why == "approval" else state.decide(call, tell_model=True)
    return state


async def to_the_end(
    run: Callable[[str | RunState | None, Session], Awaitable[RunResult[str]]], session: Session
) -> RunState:
    """Go on, deciding what waits, until the run is done: what an application does, and does again after a restart."""
    state = await session.load()
    result = await run(None if state.entries else "go", session)
    for _ in range(10):
        if result.status == "done":
            break
        check_invariants(result)
        result = await run(decided(result.state), session)
    assert result.status == "done"
    return await session.load()


async def finished(agent: Agent[None, str], given: str | RunState, streamed: bool = False) -> RunResult[str]:
    """A run without a session, with everything decided that waits, through JSON; an error carries its state."""
    for _ in range(10):
        if streamed:
            async with agent.stream(given, nested=True) as run:
                result = await run.finish()
        else:
            result = await agent.run(given)
        check_invariants(result)
        if result.status == "done":
            return result
        given = RunState.model_validate_json(decided(result.state).model_dump_json())
    raise AssertionError("it does not end")


def check_ended(state: RunState, effects: Effects) -> None:
    """The run is over: no effect happened twice, and none that never happened is told as done."""
    effects.check_at_most_once()
    check_invariants(state)
    assert state.final is not None
    assert state.final.text == "done"
    told = [str(m.content).partition(":")[0] for m in state.messages if m.role == "tool"]
    missing = sum(EXPECTED.values()) - sum(effects.counted().values())
    assert missing <= told.count("unknown") + told.count("cancelled"), "an effect that never happened was told as done"
