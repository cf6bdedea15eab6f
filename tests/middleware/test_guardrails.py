"""Guardrails: what trips them, when, and what did not happen then."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    Context,
    FunctionModel,
    GuardrailTripped,
    RemoteModel,
    RunState,
    ScriptedModel,
    ToolRun,
    tool,
)
from agentkit.middleware import Guardrails
from agentkit.testing import FakeServer, check_invariants

pytestmark = pytest.mark.anyio


def no_weapons(ctx: Context[Any], text: str) -> str | None:
    return "weapons" if "bomb" in text else None


async def no_numbers(ctx: Context[Any], text: str) -> str | None:
    await anyio.lowlevel.checkpoint()
    return "a number" if any(letter.isdigit() for letter in text) else None


async def test_an_input_guard_stops_the_run_and_the_state_can_go_on_without_it() -> None:
    agent = Agent(ScriptedModel(["fine"]))
    with pytest.raises(GuardrailTripped, match="guardrail no_weapons: weapons") as raised:
        await agent.run("a bomb", middleware=[Guardrails(input=[no_weapons])])
    assert (raised.value.guard, raised.value.reason) == ("no_weapons", "weapons")
    check_invariants(raised.value)
    assert (await agent.run(RunState.of(raised.value))).output == "fine"


async def test_a_tripped_input_guard_cancels_the_request_that_runs_beside_it() -> None:
    asked, cancelled = anyio.Event(), []

    async def answer(request: object) -> str:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)
        return ""

    async def late(ctx: Context[Any], text: str) -> str:
        await asked.wait()
        return "no"

    with pytest.raises(GuardrailTripped):
        await Agent(FunctionModel(answer), middleware=[Guardrails(input=[late])]).run("hi")
    assert cancelled == [True]


@pytest.mark.parametrize("streams", [False, True])
async def test_no_tool_runs_before_the_input_guards_have_answered(streams: bool) -> None:
    ran: list[str] = []
    told = anyio.Event()

    @tool
    async def pay() -> str:
        """Pay."""
        ran.append("pay")
        return "paid"

    async def slow(ctx: Context[Any], text: str) -> str:
        await told.wait()
        return "no"

    async def answer(request: object) -> Any:
        told.set()
        return [("pay", {})]

    agent = Agent(FunctionModel(answer), tools=[pay], middleware=[Guardrails(input=[slow])])
    with pytest.raises(GuardrailTripped):
        if streams:
            async with agent.stream("go") as run:
                await run.finish()
        else:
            await agent.run("go")
    assert ran == []


async def test_an_input_guard_sees_what_is_new_and_only_that() -> None:
    seen: list[str] = []

    def look(ctx: Context[Any], text: str) -> None:
        seen.append(text)

    @tool(effect="read")
    def now() -> str:
        """Now."""
        return "noon"

    agent = Agent(ScriptedModel([[("now", {})], "noon", "yes"]), tools=[now], middleware=[Guardrails(input=[look])])
    first = await agent.run("what time is it?")
    await agent.run([*first.messages, {"role": "user", "content": "sure?"}])
    assert seen == ["what time is it?", "sure?"]


async def test_an_answer_that_trips_a_guard_never_is_part_of_the_conversation() -> None:
    agent = Agent(ScriptedModel(["it is 7"]), middleware=[Guardrails(output=[no_numbers])])
    with pytest.raises(GuardrailTripped, match="no_numbers: a number") as raised:
        await agent.run("which?")
    assert [message.role for message in RunState.of(raised.value).messages] == ["user"]


async def test_a_tool_guard_tells_the_model_why_and_its_function_does_not_run() -> None:
    ran: list[int] = []

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        ran.append(amount)
        return "paid"

    def small(call: ToolRun) -> str | None:
        return "more than 10" if call.arguments.values["amount"] > 10 else None

    script = [[("pay", {"amount": 5}), ("pay", {"amount": 50})], "done"]
    with FakeServer(script) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), tools=[pay], middleware=[Guardrails(tool=[small])])
        result = await agent.run("pay")
    assert ran == [5]
    assert [m.content for m in result.messages if m.role == "tool"] == ["paid", "not allowed: more than 10"]
    assert server.problems == []


async def test_a_tool_guard_can_end_the_run() -> None:
    @tool
    def pay() -> str:
        """Pay."""
        return "paid"

    def never(call: ToolRun) -> str | None:
        raise GuardrailTripped("stop")

    agent = Agent(ScriptedModel([[("pay", {})], "done"]), tools=[pay], middleware=[Guardrails(tool=[never])])
    with pytest.raises(GuardrailTripped, match="stop") as raised:
        await agent.run("pay")
    check_invariants(raised.value)


async def test_a_guard_that_fails_counts_as_tripped() -> None:
    def broken(ctx: Context[Any], text: str) -> str:
        raise KeyError("policy")

    with pytest.raises(GuardrailTripped, match="the guard failed: KeyError"):
        await Agent(ScriptedModel(["hi"]), middleware=[Guardrails(input=[broken])]).run("hello")


async def test_an_error_of_the_model_beside_a_guard_comes_out_as_itself() -> None:
    agent = Agent(ScriptedModel([]), middleware=[Guardrails(input=[no_weapons])])
    with pytest.raises(ConfigurationError, match="ScriptedModel has 0 answers"):
        await agent.run("hello")


def test_what_is_no_guard_is_refused_with_its_signature() -> None:
    with pytest.raises(ConfigurationError, match=r"input guard <lambda> is called with \(ctx, text\)"):
        Guardrails(input=[lambda text: None])  # type: ignore[list-item, misc]
    with pytest.raises(ConfigurationError, match=r"tool=\['x'\]"):
        Guardrails(tool=["x"])  # type: ignore[list-item]
