"""Approvals: bound to the tool and its arguments, used once, in time, and safe in other people's hands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    LimitReached,
    Limits,
    MemoryStore,
    RunState,
    ScriptedModel,
    tool,
)
from agentkit.journal import Admitted, Decision, Started, sign, verify
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


async def test_an_edit_gains_no_time() -> None:
    paid: list[int] = []
    agent = paying(paid, expires=60)
    with VirtualClock() as clock:
        state = (await agent.run("pay")).state
        first = state.waiting[0].expires
        clock.advance(30)
        state = (await agent.run(state.approve("0.0", {"amount": 4}).deny("0.1"))).state
        assert [call.expires for call in state.waiting] == [first]
        clock.advance(31)
        result = await agent.run(state.approve("0.0"))
    assert (result.output, paid) == ("done", [])


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


async def test_edited_arguments_make_another_call_that_waits_for_its_own_approval() -> None:
    paid: list[int] = []
    agent = paying(paid)
    state = (await agent.run("pay")).state
    first, second = state.waiting
    result = await agent.run(state.approve(first, {"amount": "3"}).approve(second, {"amount": "much"}))
    assert paid == []
    assert [(call.call, call.arguments) for call in result.waiting] == [("0.0", '{"amount":"3"}')]
    assert [entry.digest for entry in result.state.entries if isinstance(entry, Admitted) and entry.call == "0.0"] == (
        [agent.spec.tools[0].digest] * 2
    )
    state = RunState.model_validate_json(result.state.model_dump_json())
    result = await agent.run(state.approve(state.waiting[0]))
    assert paid == [3]
    assert [str(m.content)[:10] for m in result.messages if m.role == "tool"] == ["paid 3", "amount: In"]
    check_invariants(result)


async def test_an_edited_call_that_needs_no_approval_runs_and_an_edit_runs_once_after_a_crash() -> None:
    paid: list[int] = []

    @tool(approval=lambda ctx, amount: amount > 3)
    async def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return f"paid {amount}"

    agent = Agent(ScriptedModel([[("pay", {"amount": 5})], "done"]), tools=[pay])
    state = (await agent.run("pay")).state
    done = await agent.run(state.approve("0.0", {"amount": 2}))
    assert (done.status, paid) == ("done", [2])
    entries = list(done.state.entries)
    started = next(n for n, entry in enumerate(entries) if isinstance(entry, Started))
    crashed = RunState.folded("j", entries[: started + 1])
    assert [(call.why, call.arguments) for call in crashed.waiting] == [("unknown", '{"amount":2}')]
    await agent.run(crashed.retry("0.0"))
    assert paid == [2, 2]


def shop(done: list[str], *turns: Any, changed: bool = False) -> Agent[None, str]:
    """An agent that pays by its script, then says "done"."""

    async def pay(order: int, amount: float = 0.0, final: bool = False) -> str:
        """Pay."""
        done.append(f"{order}: {amount:g}")
        return "paid"

    async def paid_twice(order: int, amount: float = 0.0, final: bool = False) -> str:
        """Pay."""
        done.extend([f"{order}: {amount:g}"] * 2)
        return "paid"

    function = tool(paid_twice if changed else pay, name="pay", approval=True)
    return Agent(ScriptedModel([*turns, "done"]), tools=[function])


def pays(**arguments: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("pay", arguments)]


@pytest.mark.parametrize(
    ("always", "second", "asked"),
    [
        (False, {"order": 7}, True),
        (True, {"order": 8, "amount": 9}, False),
        ({"order": 7}, {"order": 7, "amount": 9}, False),
        ({"order": 7}, {"order": 8}, True),
        ({"order": 7}, {"order": "7"}, True),
        ({"order": 7, "final": True}, {"order": 7, "final": True}, False),
        ({"order": 7, "final": True}, {"order": 7}, True),
    ],
)
async def test_an_approval_that_stays_covers_the_calls_its_values_name(always: Any, second: Any, asked: bool) -> None:
    done: list[str] = []
    agent = shop(done, pays(order=7, final=True), pays(**second))
    state = (await agent.run("pay")).state
    approved = state.approve(state.waiting[0], always=always)
    result = await agent.run(RunState.model_validate_json(approved.model_dump_json()))
    assert (result.status, len(done)) == (("waiting", 1) if asked else ("done", 2))
    decisions = [entry for entry in result.state.entries if isinstance(entry, Decision)]
    assert [entry.call for entry in decisions] == (["0.0"] if asked else ["0.0", "1.0"])
    check_invariants(result)


async def test_an_approval_that_stays_ends_with_its_run() -> None:
    done: list[str] = []
    agent = shop(done, pays(order=7), "paid", pays(order=7))
    session = MemoryStore().session("s")
    state = (await agent.run("pay", session=session)).state
    await agent.run(state.approve(state.waiting[0], always=True), session=session)
    again = await agent.run("pay again", session=session)
    assert (again.status, len(done)) == ("waiting", 1)


async def test_an_approval_that_stays_inside_an_agent_ends_with_that_agents_work() -> None:
    done: list[str] = []
    inner = shop(done, pays(order=7), pays(order=7)).replace(name="inner")
    call = [("inner", {"input": "pay"})]
    outer = Agent(ScriptedModel([call, call, "all done"]), tools=[inner.as_tool()])
    state = (await outer.run("go")).state
    result = await outer.run(RunState.model_validate_json(state.approve("0.0/0.0", always=True).model_dump_json()))
    assert done == ["7: 0", "7: 0"]
    assert [waiting.call for waiting in result.waiting] == ["1.0/0.0"]
    check_invariants(result)


async def test_an_approval_that_stays_is_of_the_tool_as_it_was() -> None:
    done: list[str] = []
    script = (pays(order=7), pays(order=7))
    state = (await shop(done, *script).run("pay")).state
    with pytest.raises(LimitReached) as stopped:
        await shop(done, *script).run(state.approve(state.waiting[0], always=True), limits=Limits(turns=1))
    assert done == ["7: 0"]
    result = await shop(done, *script, changed=True).run(RunState.of(stopped.value))
    assert (result.status, done) == ("waiting", ["7: 0"])


@pytest.mark.parametrize(
    ("always", "told"),
    [
        ({"order": 8}, r"always=\{'order': 8\} does not fit the call"),
        ({"other": 7}, "does not fit the call"),
        ({}, "does not fit the call"),
        (lambda arguments: True, "is not plain data"),
        ([7], "does not fit the call"),
    ],
)
async def test_a_scope_that_is_no_data_or_not_of_this_call_is_refused(always: Any, told: str) -> None:
    state = (await shop([], pays(order=7)).run("pay")).state
    with pytest.raises(ConfigurationError, match=told):
        state.approve(state.waiting[0], always=always)
    with pytest.raises(ConfigurationError, match="edited arguments"):
        state.approve(state.waiting[0], {"order": 8}, always=True)


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
