"""Whole runs through the front door, on both event loops."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from agentkit import (
    Agent,
    ConfigurationError,
    Context,
    FunctionModel,
    LimitReached,
    Limits,
    MemoryStore,
    RunState,
    ScriptedModel,
    Session,
    SessionConflict,
    Settings,
    StillWaiting,
    Tool,
    ToolError,
    ToolFailed,
    tool,
)
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio


@tool(effect="read")
async def double(number: int) -> int:
    """Twice a number.

    Args:
        number: Any number.
    """
    return 2 * number


@tool
def refund(order: str, amount: float = 0.0) -> str:
    """Refund an order.

    Args:
        order: The order's number.
        amount: How much; all of it when 0.
    """
    return f"refunded {order}"


async def test_an_answer_without_calls_is_the_output() -> None:
    result = await Agent(ScriptedModel(["hello"])).run("hi")
    assert (result.status, result.output) == ("done", "hello")
    assert [m.role for m in result.messages] == ["user", "assistant"]


async def test_parallel_results_keep_call_order() -> None:
    order: list[int] = []

    @tool(effect="read")
    async def wait(turns: int) -> str:
        """Wait a while."""
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        order.append(turns)
        return f"waited {turns}"

    model = ScriptedModel([[("wait", {"turns": 9}), ("wait", {"turns": 1})], "done"])
    result = await Agent(model, tools=[wait]).run("go")
    assert order == [1, 9]
    assert [m.content for m in result.messages if m.role == "tool"] == ["waited 9", "waited 1"]
    check_invariants(result.state)


async def test_calls_with_one_lock_run_one_at_a_time_in_call_order() -> None:
    log: list[str] = []

    @tool(lock="account:{account}")
    async def book(account: str, step: int) -> str:
        """Book something."""
        log.append(f"begin {account}{step}")
        await anyio.lowlevel.checkpoint()
        log.append(f"end {account}{step}")
        return "ok"

    calls = [("book", {"account": "a", "step": 1}), ("book", {"account": "a", "step": 2})]
    await Agent(ScriptedModel([calls, "done"]), tools=[book]).run("go")
    assert log == ["begin a1", "end a1", "begin a2", "end a2"]


async def test_bad_arguments_go_back_to_the_model_as_short_lines() -> None:
    model = ScriptedModel([[("double", {"number": "many"})], [("double", {"number": 4})], "8"])
    result = await Agent(model, tools=[double]).run("double 4")
    replies = [str(m.content) for m in result.messages if m.role == "tool"]
    assert "number" in replies[0]
    assert replies[1] == "8"
    check_invariants(result.state)


async def test_an_unknown_tool_is_answered_with_the_names_and_the_nearest() -> None:
    model = ScriptedModel([[("doubel", {"number": 4})], "sorry"])
    result = await Agent(model, tools=[double]).run("double 4")
    reply = next(str(m.content) for m in result.messages if m.role == "tool")
    assert "Did you mean 'double'?" in reply


async def test_one_failing_tool_leaves_its_siblings_alone() -> None:
    @tool(effect="read")
    async def broken() -> str:
        """Always fails."""
        raise RuntimeError("no disk")

    model = ScriptedModel([[("broken", {}), ("double", {"number": 2})], "done"])
    result = await Agent(model, tools=[broken, double]).run("go")
    assert [str(m.content) for m in result.messages if m.role == "tool"] == ["RuntimeError: no disk", "4"]
    check_invariants(result.state)


async def test_a_tool_that_cancels_itself_is_an_error_of_that_call() -> None:
    @tool(effect="read")
    async def odd() -> str:
        """Raises the event loop's own cancellation."""
        if anyio.get_cancelled_exc_class().__module__.startswith("asyncio"):
            raise anyio.get_cancelled_exc_class()
        raise GeneratorExit

    result = await Agent(ScriptedModel([[("odd", {}), ("double", {"number": 1})], "done"]), tools=[odd, double]).run(
        "go"
    )
    replies = [str(m.content) for m in result.messages if m.role == "tool"]
    assert replies[0].startswith("the tool stopped itself")
    assert replies[1] == "2"


async def test_a_tool_that_fails_too_often_ends_the_run() -> None:
    @tool(effect="read", max_failures=1)
    async def broken() -> str:
        """Always fails."""
        raise ToolError("try later")

    agent = Agent(FunctionModel(lambda request: [("broken", {})]), tools=[broken], limits=Limits(repeats=None))
    with pytest.raises(ToolFailed) as caught:
        await agent.run("go")
    assert (caught.value.tool, caught.value.failures) == ("broken", 2)
    check_invariants(RunState.of(caught.value))


async def test_a_slow_tool_times_out_and_the_run_goes_on() -> None:
    @tool(timeout=0.01)
    async def slow() -> str:
        """Never ends."""
        await anyio.sleep_forever()
        return ""

    with anyio.fail_after(10):
        result = await Agent(ScriptedModel([[("slow", {})], "done"]), tools=[slow]).run("go")
    reply = next(str(m.content) for m in result.messages if m.role == "tool")
    assert "timeout" in reply
    assert "unknown" in reply


async def test_limits_end_the_run_with_a_state_to_go_on_from() -> None:
    model = FunctionModel(lambda request: [("double", {"number": len(request.messages)})])
    agent = Agent(model, tools=[double], limits=Limits(turns=3))
    with pytest.raises(LimitReached) as caught:
        await agent.run("go")
    state = RunState.of(caught.value)
    assert (caught.value.limit, state.turns) == ("turns", 3)
    check_invariants(state)
    with pytest.raises(LimitReached):
        await agent.run(state, limits=Limits(turns=5))


async def test_conclude_keeps_one_last_turn_without_tools() -> None:
    def answer(request: Any) -> Any:
        return "that is all" if request.tool_choice == "none" else [("double", {"number": len(request.messages)})]

    agent = Agent(FunctionModel(answer), tools=[double], limits=Limits(turns=3, on_limit="conclude"))
    result = await agent.run("go")
    assert (result.output, result.stopped_by) == ("that is all", "turns")


async def test_a_circle_of_equal_calls_is_told_once_and_then_stopped() -> None:
    model = FunctionModel(lambda request: [("double", {"number": 1})])
    with pytest.raises(LimitReached) as caught:
        await Agent(model, tools=[double]).run("go")
    assert caught.value.limit == "repeats"
    assert len(model.requests) == 4


async def test_seconds_limit_active_time() -> None:
    @tool
    async def forever() -> str:
        """Never ends."""
        await anyio.sleep_forever()
        return ""

    with pytest.raises(LimitReached) as caught, anyio.fail_after(10):
        await Agent(ScriptedModel([[("forever", {})], "x"]), tools=[forever], limits=Limits(seconds=0.02)).run("go")
    assert caught.value.limit == "seconds"
    state = RunState.of(caught.value)
    check_invariants(state)
    assert "unknown" in str(state.messages[-1].content)


async def test_an_approval_survives_json_and_the_call_runs_once() -> None:
    ran: list[str] = []

    @tool(approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        ran.append(str(amount))
        return "paid"

    agent = Agent(ScriptedModel([[("pay", {"amount": 5}), ("double", {"number": 2})], "done"]), tools=[pay, double])
    result = await agent.run("pay 5")
    assert (result.status, ran, result.waiting[0].tool, result.waiting[0].why) == ("waiting", [], "pay", "approval")
    with pytest.raises(StillWaiting, match="pay"):
        _ = result.output
    state = RunState.model_validate_json(result.state.model_dump_json())
    result = await agent.run(state.approve(state.waiting[0]))
    assert (result.output, ran) == ("done", ["5"])
    assert [str(m.content) for m in result.messages if m.role == "tool"] == ["paid", "4"]


async def test_a_denied_call_never_runs_and_the_model_reads_why() -> None:
    agent = Agent(ScriptedModel([[("pay", {})], "ok"]), tools=[tool(_pay, name="pay", approval=True)])
    result = await agent.run("pay")
    result = await agent.run(result.state.deny(result.waiting[0], "too much"))
    assert [str(m.content) for m in result.messages if m.role == "tool"] == ["denied: too much"]


def _pay() -> str:
    """Pay."""
    raise AssertionError("a denied call ran")


async def test_an_external_tool_pauses_until_it_is_answered() -> None:
    ask = Tool.external("ask_user", "Ask the user.", {"type": "object", "properties": {"question": {"type": "string"}}})
    agent = Agent(ScriptedModel([[("ask_user", {"question": "sure?"})], "fine"]), tools=[ask])
    result = await agent.run("go")
    assert result.waiting[0].why == "external"
    result = await agent.run(result.state.answer(result.waiting[0], "yes"))
    assert (result.output, result.messages[-2].content) == ("fine", "yes")


async def test_a_session_remembers_and_two_writers_conflict() -> None:
    session = MemoryStore().session("u1")
    agent = Agent(FunctionModel(lambda request: f"{len(request.messages)}"))
    assert (await agent.run("a", session=session)).output == "1"
    assert (await agent.run("b", session=session)).output == "3"
    stale = await session.load()
    await agent.run("c", session=session)
    with pytest.raises(SessionConflict):
        await agent.run(stale, session=session)


async def test_cancelling_from_outside_writes_down_what_was_cut_off() -> None:
    started = anyio.Event()

    @tool
    async def forever() -> str:
        """Never ends."""
        started.set()
        await anyio.sleep_forever()
        return ""

    session = Session()
    agent = Agent(ScriptedModel([[("forever", {}), ("double", {"number": 2})], "x"]), tools=[forever, double])
    async with anyio.create_task_group() as group:

        async def work() -> None:
            await agent.run("go", session=session)

        group.start_soon(work)
        await started.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    state = await session.load()
    check_invariants(state)
    replies = [str(m.content) for m in state.messages if m.role == "tool"]
    assert replies[0].startswith("unknown")
    assert replies[1] == "4"


async def test_deps_and_context_reach_a_tool() -> None:
    @tool(effect="read")
    async def who(ctx: Context[dict[str, str]]) -> str:
        """Who asks."""
        assert ctx.call_id == "0.0"
        assert len(ctx.idempotency_key) == 64
        return ctx.deps["user"]

    agent = Agent(ScriptedModel([[("who", {})], "done"]), deps=dict, tools=[who])
    result = await agent.run("who am I", deps={"user": "ann"})
    assert result.messages[-2].content == "ann"
    with pytest.raises(ConfigurationError, match="deps"):
        await agent.run("who am I", deps=None)


async def test_a_hand_over_changes_who_speaks() -> None:
    billing = Agent(ScriptedModel([["never"], "billing here"]), name="billing", instructions="You bill.")
    triage = Agent(
        ScriptedModel([[("transfer_to_billing", {})]]), name="triage", instructions="You sort.", handoffs=[billing]
    )
    result = await triage.run("my invoice")
    assert (result.output, result.agent) == ("billing here", "billing")


async def test_a_pause_inside_an_agent_as_a_tool_pauses_its_caller() -> None:
    ran: list[str] = []

    @tool(approval=True)
    async def pay() -> str:
        """Pay."""
        ran.append("paid")
        return "paid"

    inner = Agent(ScriptedModel([[("pay", {})], "it is paid"]), name="cashier", tools=[pay])
    outer = Agent(ScriptedModel([[("cashier", {"input": "pay the bill"})], "all done"]), tools=[inner.as_tool()])
    result = await outer.run("go")
    assert [w.call for w in result.waiting] == ["0.0/0.0"]
    state = RunState.model_validate_json(result.state.model_dump_json())
    result = await outer.run(state.approve("0.0/0.0"))
    assert (result.output, ran) == ("all done", ["paid"])
    assert result.messages[-2].content == "it is paid"
    assert result.usage.requests == 4


async def test_a_forced_tool_choice_holds_for_the_first_turn_only() -> None:
    model = ScriptedModel([[("double", {"number": 1})], "2"])
    agent = Agent(model, tools=[double], settings=Settings(tool_choice="required"))
    await agent.run("double 1")
    assert [request.tool_choice for request in model.requests] == ["required", None]


async def test_messages_from_elsewhere_are_history_and_their_open_calls_never_run() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "7"}'}}
    history = [
        {"role": "user", "content": "refund 7"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": "well?"},
    ]
    result = await Agent(FunctionModel(lambda request: "sorry"), tools=[refund]).run(history)
    assert [m.role for m in result.messages] == ["user", "assistant", "tool", "user", "assistant"]
    assert str(result.messages[2].content).startswith("unknown")


async def test_a_tool_hidden_by_when_is_not_offered() -> None:
    @tool(when=lambda ctx: ctx.deps == "admin")
    async def wipe() -> str:
        """Wipe all."""
        return "wiped"

    model = FunctionModel(lambda request: str(bool(request.tools)))
    agent = Agent(model, deps=str, tools=[wipe])
    assert (await agent.run("go", deps="guest")).output == "False"
    assert (await agent.run("go", deps="admin")).output == "True"
