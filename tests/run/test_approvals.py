"""Approvals: bound to the tool and its arguments, used once, in time, and safe in other people's hands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, RunState, ScriptedModel, tool
from agentkit.journal import sign, verify
from agentkit.testing import VirtualClock
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio

KEY = "0123456789abcdef0123456789abcdef"


def paying(paid: list[int], **options: Any) -> Agent[None, str]:
    @tool(approval=True, **options)
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return f"paid {amount}"

    return Agent(ScriptedModel([[("pay", {"amount": 5}), ("pay", {"amount": 5})], "done"]), tools=[pay])


async def test_equal_calls_are_decided_one_by_one() -> None:
    paid: list[int] = []
    agent = paying(paid)
    waiting = (await agent.run("pay twice")).state
    first, second = waiting.waiting
    result = await agent.run(waiting.approve(first))
    assert paid == [5]
    assert result.waiting == (second,)
    done = await agent.run(result.state.deny(second, "once is enough"))
    assert paid == [5]
    assert [str(m.content) for m in done.messages if m.role == "tool"] == ["paid 5", "denied: once is enough"]
    check_invariants(done.state)


async def test_an_approval_is_used_once() -> None:
    paid: list[int] = []
    agent = paying(paid)
    state = (await agent.run("pay")).state
    approved = state.approve(state.waiting[0])
    with pytest.raises(ConfigurationError, match=r"call '0\.0' does not wait for anybody; waiting calls: 0\.1"):
        approved.approve("0.0")
    result = await agent.run(approved)
    again = await agent.run(RunState.model_validate_json(result.state.model_dump_json()))
    assert paid == [5]
    assert again.waiting == result.waiting


async def test_an_approval_that_comes_too_late_does_not_run() -> None:
    paid: list[int] = []
    agent = paying(paid, expires=60)
    with VirtualClock() as clock:
        state = (await agent.run("pay")).state
        first, second = state.waiting
        assert first.expires == second.expires == clock.now() + 60
        clock.advance(59)
        state = (await agent.run(state.approve(first))).state
        assert paid == [5]
        clock.advance(2)
        done = await agent.run(state.approve(second))
    assert paid == [5]
    assert [str(m.content) for m in done.messages if m.role == "tool"] == [
        "paid 5",
        "denied: the approval came too late",
    ]


async def test_a_tool_whose_code_changed_after_the_approval_does_not_run() -> None:
    paid: list[int] = []
    state = (await paying(paid).run("pay")).state

    @tool(approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount * 100)
        return "paid a hundred times"

    changed = Agent(ScriptedModel([[("pay", {"amount": 5}), ("pay", {"amount": 5})], "done"]), tools=[pay])
    result = await changed.run(state.approve(state.waiting[0]).deny(state.waiting[1]))
    assert paid == []
    assert "the tool changed after the call was approved" in str(result.messages[2].content)


async def test_edited_arguments_are_those_that_run_and_wrong_ones_do_not() -> None:
    paid: list[int] = []
    agent = paying(paid)
    state = (await agent.run("pay")).state
    first, second = state.waiting
    result = await agent.run(state.approve(first, {"amount": 3}).approve(second, {"amount": "much"}))
    assert paid == [3]
    assert [str(m.content)[:10] for m in result.messages if m.role == "tool"] == ["paid 3", "amount: In"]


async def test_a_signed_state_comes_back_as_it_went_or_not_at_all() -> None:
    paid: list[int] = []
    agent = paying(paid)
    state = (await agent.run("pay")).state
    text = sign(state, KEY, key_id="2026")
    keys = {"2025": "f" * 32, "2026": KEY}
    back = verify(text, keys)
    assert back.model_dump_json() == state.model_dump_json()
    result = await agent.run(back.approve(back.waiting[0]))
    assert paid == [5]
    assert result.status == "waiting"
    data = json.loads(text)
    forged = [
        {**data, "state": data["state"].replace(":5}", ":9}")},
        {**data, "key": "2025"},
        {**data, "key": "unknown"},
        {**data, "mac": ""},
        {**data, "mac": data["mac"][:-1] + ("0" if data["mac"][-1] != "0" else "1")},
        {**data, "mac": None},
        {**data, "more": "x"},
        json.loads(data["state"]),
    ]
    for wrong in forged:
        with pytest.raises(
            ConfigurationError, match=r"signature of this run state is not one of ours|is not a signed run state"
        ):
            verify(json.dumps(wrong), keys)
    with pytest.raises(ConfigurationError, match="not a signed run state"):
        verify("nonsense", keys)
    with pytest.raises(ConfigurationError, match="at least 16 bytes"):
        sign(state, "short")
