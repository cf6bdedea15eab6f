"""The golden run: six turns with parallel calls, a sync tool, an approval, bad arguments, an error and an answer.

Each effect is counted outside agentkit, under the key of the call that made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from agentkit import Agent, Context, RunState, ScriptedModel, Tool, tool

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
        effects.add("pay", ctx)
        return f"paid {amount}"

    @tool(effect="read")
    async def look(ctx: Context[Any], what: str) -> str:
        """Look something up."""
        effects.add("look", ctx)
        return f"saw {what}"

    @tool(thread=False)
    def note(ctx: Context[Any], text: str) -> str:
        """Note a text."""
        effects.add("note", ctx)
        return f"noted {text}"

    @tool(approval=True)
    async def refund(ctx: Context[Any], amount: int) -> str:
        """Refund an amount."""
        effects.add("refund", ctx)
        return f"refunded {amount}"

    @tool
    async def fail() -> str:
        """Fails, whatever happens."""
        raise ValueError("no such thing")

    @tool(effect="idempotent")
    async def tag(ctx: Context[Any], name: str) -> str:
        """Set a tag."""
        effects.add("tag", ctx)
        return f"tagged {name}"

    return [pay, look, note, refund, fail, tag]


def golden_agent(effects: Effects) -> Agent[None, str]:
    return Agent(ScriptedModel(SCRIPT), tools=tools(effects))


def decided(state: RunState) -> RunState:
    """Every waiting call decided: approvals given; for an unknown outcome the model is told so."""
    for call in state.waiting:
        state = state.approve(call) if call.why == "approval" else state.decide(call, tell_model=True)
    return state
