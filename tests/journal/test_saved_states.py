"""States that were saved by earlier versions are read for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit import Agent, ConfigurationError, RunState, ScriptedModel, Tool, tool
from agentkit.testing import check_invariants

pytestmark = pytest.mark.anyio

SAVED = sorted((Path(__file__).parents[1] / "data" / "states").glob("v*/*.json"))


@tool
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


@tool(approval=True)
async def refund(order: int) -> str:
    """Refund."""
    return f"refunded {order}"


def agent() -> Agent[None, str]:
    external = Tool.external(
        "ask", "Ask.", {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    )
    inner = Agent(ScriptedModel([[("refund", {"order": 1})], "inner done"]), name="inner", tools=[refund])
    script = [
        [("pay", {"amount": 1}), ("refund", {"order": 7}), ("ask", {"q": "why?"}), ("inner", {"input": "do it"})],
        "done",
    ]
    return Agent(ScriptedModel(script), tools=[pay, refund, external, inner.as_tool()])


def decided(state: RunState) -> RunState:
    """A word for every waiting call."""
    for call in state.waiting:
        match call.why:
            case "approval":
                state = state.deny(call, "not today")
            case "external":
                state = state.answer(call, "because")
            case "unknown":
                state = state.decide(call, tell_model=True)
    return state


def test_there_are_saved_states() -> None:
    assert {path.name for path in SAVED} >= {"waiting.json", "unknown.json", "done.json"}


@pytest.mark.parametrize("path", SAVED, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_saved_state_is_read_and_goes_on(path: Path) -> None:
    state = RunState.model_validate_json(path.read_text())
    check_invariants(state)
    result = await agent().run(decided(state))
    while result.status == "waiting":
        result = await agent().run(decided(result.state))
    assert (result.status, result.output) == ("done", "done")
    check_invariants(result)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nonsense", "this is not a saved run state"),
        ("[]", "this is not a saved run state"),
        ('{"version": 2, "journal": "", "saved": 0, "entries": []}', "has version 2; this agentkit reads 1"),
        ('{"version": 1, "journal": "", "saved": 0, "entries": [{"kind": "input"}]}', "is damaged at entries"),
        ('{"version": 1, "journal": "", "saved": 0, "entries": [], "code": "x"}', "this is not a saved run state"),
        (
            '{"version": 1, "journal": "", "saved": 0, "entries": [{"kind": "resumed", "owner": "a", "x": 1}]}',
            "is damaged at entries",
        ),
    ],
)
async def test_what_is_no_state_of_ours_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        RunState.model_validate_json(text)
