"""Budget: money is counted by what endpoints report, over all agents of a run, and never guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agentkit import (
    Agent,
    ChatCompletion,
    ConfigurationError,
    FunctionModel,
    LimitReached,
    RunState,
    ScriptedModel,
    tool,
)
from agentkit.chat import Usage
from agentkit.middleware import Budget, Price, cost, cost_of
from agentkit.testing import check_invariants

pytestmark = pytest.mark.anyio

PRICES = {"function": Price(input=1, output=10), "scripted": Price(input=1, output=10)}


def spends(prompt: int, completion: int, content: str | None = "ok", calls: Any = None) -> ChatCompletion:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        functions = [{"name": name, "arguments": text} for name, text in calls]
        message["tool_calls"] = [
            {"id": f"c{n}", "type": "function", "function": function} for n, function in enumerate(functions)
        ]
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return ChatCompletion.model_validate({"model": "function", "choices": [{"message": message}], "usage": usage})


@tool(effect="read")
def look() -> str:
    """Look."""
    return "seen"


async def test_the_request_after_the_money_is_spent_is_not_sent() -> None:
    model = FunctionModel(lambda request: spends(400_000, 10_000, None, [("look", "{}")]))
    agent = Agent(model, tools=[look], middleware=[Budget(1, prices=PRICES)])
    with pytest.raises(LimitReached, match=r"cost=1.0; raise it with Budget") as raised:
        await agent.run("go")
    assert len(model.requests) == 2  # 0.50 and 0.50 dollars
    assert raised.value.limit == "cost"
    check_invariants(raised.value)


async def test_what_a_resumed_run_spent_before_counts() -> None:
    model = FunctionModel(lambda request: spends(400_000, 10_000, None, [("look", "{}")]))
    agent = Agent(model, tools=[look], middleware=[Budget(1, prices=PRICES)])
    with pytest.raises(LimitReached) as raised:
        await agent.run("go")
    saved = RunState.of(raised.value).model_dump_json()
    asked = len(model.requests)
    with pytest.raises(LimitReached):
        await agent.run(RunState.model_validate_json(saved))
    assert len(model.requests) == asked


async def test_agents_in_a_run_share_the_money() -> None:
    inner = Agent(FunctionModel(lambda request: spends(900_000, 0)), name="inner")
    outer = FunctionModel(lambda request: spends(200_000, 0, None, [("inner", '{"input": "x"}')]))
    agent = Agent(outer, tools=[inner.as_tool()], middleware=[Budget(1, prices=PRICES)])
    with pytest.raises(LimitReached):
        await agent.run("go")
    assert len(outer.requests) == 1


async def test_a_model_without_a_price_is_refused_before_it_is_asked() -> None:
    model = ScriptedModel(["hi"])
    with pytest.raises(ConfigurationError, match="no price is known for model 'scripted'"):
        await Agent(model, middleware=[Budget(1)]).run("hello")
    assert model.requests == []


async def test_an_answer_without_usage_is_logged_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    answer = ChatCompletion.model_validate({"choices": [{"message": {"role": "assistant", "content": "hi"}}]})
    result = await Agent(FunctionModel(lambda request: answer), middleware=[Budget(1, prices=PRICES)]).run("hello")
    assert result.output == "hi"
    assert "so is its cost" in caplog.text


def test_known_models_have_prices_and_unknown_ones_have_none() -> None:
    usage = Usage(prompt_tokens=1000, cached_tokens=200, completion_tokens=100, total_tokens=1100)
    assert cost("gpt-4o", usage) == Decimal("0.00325")
    assert cost("no-such-model", usage) is None
    assert cost("mine", usage, {"mine": Price(input=2, output=4, cached=1)}) == Decimal("0.0022")


async def test_the_cost_of_a_result_is_the_sum_of_its_answers_and_unknown_when_one_is() -> None:
    result = await Agent(FunctionModel(lambda request: spends(1_000_000, 100_000))).run("hi")
    assert cost_of(result.completions, PRICES) == Decimal(2)
    assert cost_of([*result.completions, spends(1, 1).model_copy(update={"usage": None})], PRICES) is None


@pytest.mark.parametrize("usd", [0, -1, True, "1", float("nan")])
def test_a_budget_is_dollars_above_zero(usd: Any) -> None:
    with pytest.raises(ConfigurationError, match="use dollars above 0"):
        Budget(usd)
