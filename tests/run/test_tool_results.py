"""What tools give back: in the messages, in the events, and in the state."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agentkit import Agent, RunState, ScriptedModel, ToolFinished, ToolResult, tool
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@dataclass
class Report:
    """A value that JSON can hold."""

    city: str
    degrees: float


async def test_images_of_results_follow_in_a_user_message_and_survive_the_state() -> None:
    @tool
    async def shoot(city: str) -> ToolResult:
        """Take a picture."""
        return ToolResult(f"a picture of {city}", images=[PIXEL])

    @tool
    async def say() -> str:
        """Say something."""
        return "something"

    model = ScriptedModel([[("shoot", {"city": "Rome"}), ("say", {}), ("shoot", {"city": "Oslo"})], "nice"])
    result = await Agent(model, tools=[shoot, say]).run("go")
    check_invariants(result.state)
    roles = [message.role for message in result.messages]
    assert roles == ["user", "assistant", "tool", "tool", "tool", "user", "assistant"]
    sent = model.requests[1].messages[-1].to_json()["content"]
    assert [part["type"] for part in sent] == ["text", "image_url", "text", "image_url"]
    assert sent[0]["text"] == "Images of the result of shoot (call_0_0):"
    assert sent[1]["image_url"]["url"] == PIXEL


async def test_data_stays_with_the_application_as_json() -> None:
    @tool
    async def measure() -> ToolResult:
        """Measure."""
        return ToolResult("warm", data=Report("Rome", 21.5))

    model = ScriptedModel([[("measure", {})], "warm it is"])
    async with Agent(model, tools=[measure]).stream("go") as run:
        results = [event.result async for event in run if isinstance(event, ToolFinished)]
    assert results[0].data == {"city": "Rome", "degrees": 21.5}
    assert "21.5" not in model.requests[1].body().decode()
    assert '"degrees":21.5' in run.result.state.model_dump_json()


async def test_a_cut_result_is_kept_whole_aside() -> None:
    @tool(max_result=100)
    async def read() -> str:
        """Read."""
        return "a" * 500 + "b" * 500

    result = await Agent(ScriptedModel([[("read", {})], "ok"]), tools=[read]).run("go")
    content = str(result.messages[2].content)
    assert content.startswith("a" * 50)
    assert content.endswith("b" * 50)
    assert "900 of 1000 characters left out" in content
    assert "a" * 500 + "b" * 500 in result.state.model_dump_json()
    assert RunState.model_validate_json(result.state.model_dump_json()).messages == result.messages


async def test_a_result_that_changes_later_does_not_change_what_was_said() -> None:
    shared = {"n": 1}

    @tool
    async def count() -> dict[str, int]:
        """Count."""
        return shared

    def then(number: int) -> None:
        shared["n"] = number

    agent = Agent(ScriptedModel([[("count", {})], "ok"]), tools=[count])
    result = await agent.run("go")
    then(2)
    assert result.messages[2].content == '{"n":1}'
