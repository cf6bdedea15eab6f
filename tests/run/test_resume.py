"""A run goes on from wherever its journal ends: failed, out of limits, cancelled, crashed, waiting; in any process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from agentkit import (
    Agent,
    AgentKitError,
    ConfigurationError,
    Context,
    FunctionModel,
    LimitReached,
    Limits,
    MemoryStore,
    ModelError,
    OutputInvalid,
    RunState,
    ScriptedModel,
    Session,
    Tool,
    ToolError,
    ToolFailed,
    tool,
)
from agentkit.journal import Entry, Nested, Started
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio


def through_json(state: RunState) -> RunState:
    check_invariants(state)
    return RunState.model_validate_json(state.model_dump_json())


def crashed_at(state: RunState, where: Callable[[Entry], bool]) -> RunState:
    """The journal as a process left it that died right after the first entry of this kind."""
    entries = list(state.entries)
    end = next(n for n, entry in enumerate(entries) if where(entry))
    return through_json(RunState.folded(state.journal, entries[: end + 1]))


def started(entry: Entry) -> bool:
    return isinstance(entry.entry if isinstance(entry, Nested) else entry, Started)


async def error_of(agent: Agent[None, Any], given: Any, **options: Any) -> AgentKitError:
    with pytest.raises(AgentKitError) as raised:
        await agent.run(given, **options)
    return raised.value


async def cancelled_after(event: anyio.Event, agent: Agent[None, Any], session: Session) -> None:
    """Run, and cancel from outside once this happened."""
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await agent.run("go", session=session)

        group.start_soon(run)
        await event.wait()
        group.cancel_scope.cancel()


class Shop:
    """Tools that note what they did, and a switch that breaks them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.keys: list[str] = []
        self.attempts: list[int] = []
        self.broken = False

    @tool
    async def pay(self, ctx: Context[None], order: int) -> str:
        """Pay."""
        self.keys.append(ctx.idempotency_key)
        self.attempts.append(ctx.attempt)
        if self.broken:
            raise ToolError("the bank is closed")
        self.done.append(f"paid {order}")
        return f"paid {order}"

    def agent(self, *script: Any, **options: Any) -> Agent[None, str]:
        return Agent(ScriptedModel(script or ([("pay", {"order": 7})], "done")), tools=[self], **options)


async def test_a_run_whose_model_failed_asks_again_and_does_nothing_twice() -> None:
    shop, failing = Shop(), [True]

    def answer(request: Any) -> Any:
        if request.messages[-1].role == "user":
            return [("pay", {"order": 7})]
        return ModelError("the provider is down") if failing.pop() else "done"

    agent = Agent(FunctionModel(answer), tools=[shop])
    error = await error_of(agent, "pay")
    failing.append(False)
    result = await agent.run(through_json(RunState.of(error)))
    assert (result.output, shop.done) == ("done", ["paid 7"])
    assert (result.usage.requests, result.state.turns) == (3, 2)


async def test_a_tool_that_failed_too_often_has_its_chances_again() -> None:
    shop = Shop()
    shop.broken = True
    agent = Agent(
        FunctionModel(lambda request: "done" if shop.done else [("pay", {"order": len(request.messages)})]),
        tools=[tool(shop.pay, max_failures=1)],
    )
    error = await error_of(agent, "pay")
    assert isinstance(error, ToolFailed)
    shop.broken = False
    result = await agent.run(through_json(RunState.of(error)))
    assert (result.output, len(shop.done)) == ("done", 1)
    check_invariants(result)


class Count(BaseModel):
    number: int


async def test_an_answer_that_could_not_be_mended_may_be_mended_with_more_repairs() -> None:
    agent = Agent(ScriptedModel(["one", "two", '{"number": 3}']), output=Count, limits=Limits(repairs=1))
    error = await error_of(agent, "count")
    assert isinstance(error, OutputInvalid)
    result = await agent.run(through_json(RunState.of(error)), limits=Limits(repairs=2))
    assert result.output == Count(number=3)


async def test_a_circle_goes_on_where_more_repetition_is_allowed() -> None:
    agent = Agent(
        FunctionModel(lambda request: "done" if len(request.messages) > 9 else [("look", {})]),
        tools=[tool(lambda: "same", name="look", description="Look.", effect="read")],
    )
    error = await error_of(agent, "go")
    assert isinstance(error, LimitReached)
    assert error.limit == "repeats"
    assert (await agent.run(through_json(RunState.of(error)), limits=Limits(repeats=None))).output == "done"


@pytest.mark.parametrize("way", ["seconds", "cancelled"])
async def test_a_run_that_was_cut_off_goes_on_and_the_model_hears_that_a_write_is_unknown(way: str) -> None:
    began = anyio.Event()

    @tool
    async def slow() -> str:
        """Take long."""
        began.set()
        await anyio.sleep_forever()
        return ""

    session = MemoryStore().session("s")
    agent = Agent(ScriptedModel([[("slow", {})], "done"]), tools=[slow])
    if way == "seconds":
        with anyio.fail_after(10):
            error = await error_of(agent, "go", session=session, limits=Limits(seconds=0.05))
        assert isinstance(error, LimitReached)
    else:
        await cancelled_after(began, agent, session)
    result = await agent.run(None, session=session)
    assert result.output == "done"
    assert str(result.messages[2].content).startswith(("unknown", "timeout"))
    check_invariants(result)


async def test_a_request_that_was_cancelled_is_counted_and_asked_again() -> None:
    asked = anyio.Event()

    async def answer(request: Any) -> Any:
        if not asked.is_set():
            asked.set()
            await anyio.sleep_forever()
        return "done"

    session = Session()
    agent = Agent(FunctionModel(answer))
    await cancelled_after(asked, agent, session)
    usage = (await session.load()).usage
    assert (usage.requests, usage.requests_unknown) == (1, 1)
    result = await agent.run(None, session=session)
    assert (result.output, result.usage.requests) == ("done", 2)


@pytest.mark.parametrize(
    ("word", "reply", "done"),
    [
        ({"retry": True}, "paid 7", 2),
        ({"tell_model": True}, "unknown: the call was started, and its outcome was never recorded", 1),
        ({"result": "paid, says the bank"}, "paid, says the bank", 1),
        ({"result": {"paid": 7}}, '{"paid":7}', 1),
    ],
)
async def test_a_word_on_an_unknown_call_lets_the_run_go_on(word: dict[str, Any], reply: str, done: int) -> None:
    shop = Shop()
    whole = await shop.agent().run("pay")
    result = await shop.agent().run(crashed_at(whole.state, started))
    assert [(call.why, call.call) for call in result.waiting] == [("unknown", "0.0")]
    result = await shop.agent().run(through_json(result.state.decide("0.0", **word)))
    assert (result.output, result.messages[-2].content, len(shop.done)) == ("done", reply, done)


async def test_a_retry_is_used_once_and_the_key_stays_the_same_over_every_start() -> None:
    shop = Shop()
    state = crashed_at((await shop.agent().run("pay")).state, started)
    for crash in (2, 3):
        result = await shop.agent().run(state.retry("0.0"))
        entries = list(result.state.entries)
        last = max(n for n, entry in enumerate(entries) if isinstance(entry, Started))
        state = through_json(RunState.folded("j", entries[: last + 1]))
        assert [call.why for call in state.waiting] == ["unknown"]
        assert shop.attempts == [*range(1, crash + 1)]
    assert len(set(shop.keys)) == 1


async def test_keys_differ_between_calls_and_runs() -> None:
    shop = Shop()
    agent = shop.agent([("pay", {"order": 7}), ("pay", {"order": 7})], [("pay", {"order": 7})], "done")
    for _ in range(2):
        await agent.run("pay")
    assert len(set(shop.keys)) == 6


ASK = Tool.external("ask_user", "Ask the user.", {"type": "object", "properties": {"question": {"type": "string"}}})


def asking(shop: Shop) -> Agent[None, str]:
    calls = [("ask_user", {"question": "sure?"}), ("pay", {"order": 7}), ("ask_user", {"question": "really?"})]
    return Agent(ScriptedModel([calls, "done"]), tools=[ASK, shop])


async def test_external_calls_are_answered_one_by_one_in_any_process_and_their_siblings_run() -> None:
    shop = Shop()
    result = await asking(shop).run("go")
    assert shop.done == ["paid 7"]
    assert [(call.call, call.tool, call.why) for call in result.waiting] == [
        ("0.0", "ask_user", "external"),
        ("0.2", "ask_user", "external"),
    ]
    state = through_json(result.state).answer("0.2", {"yes": True})
    with pytest.raises(ConfigurationError, match=r"'0\.2' does not wait"):
        state.answer("0.2", "again")
    with pytest.raises(ConfigurationError, match="waits for external: use answer or deny"):
        state.approve("0.0")
    result = await asking(shop).run(through_json(state))
    assert [call.call for call in result.waiting] == ["0.0"]
    result = await asking(shop).run(through_json(result.state).deny("0.0", "nobody is there"))
    assert [str(m.content) for m in result.messages if m.role == "tool"] == [
        "denied: nobody is there",
        "paid 7",
        '{"yes":true}',
    ]
    assert (result.output, shop.done) == ("done", ["paid 7"])
    check_invariants(result)


async def test_a_call_of_an_external_tool_with_wrong_arguments_is_told_to_the_model() -> None:
    agent = Agent(ScriptedModel([[("ask_user", {"question": 3})], "done"]), tools=[ASK])
    result = await agent.run("go")
    assert (result.output, result.messages[2].content) == ("done", "question: 3 is not of type 'string'")


def nest(depth: int, leaf: Agent[None, str]) -> Agent[None, str]:
    """Agents in agents: the outermost is called level0."""
    agent = leaf
    for level in reversed(range(depth)):
        script = [[(agent.spec.name, {"input": "do it"})], f"level{level} done"]
        agent = Agent(ScriptedModel(script), name=f"level{level}", tools=[agent.as_tool()])
    return agent


@pytest.mark.parametrize("why", ["approval", "external", "unknown"])
async def test_what_waits_two_agents_down_pauses_the_whole_tree_and_goes_on_through_json(why: str) -> None:
    shop = Shop()
    script = [[("pay", {"order": 7})] if why != "external" else [("ask_user", {"question": "sure?"})], "paid"]
    tools: list[Any] = [ASK, tool(shop.pay, approval=True) if why == "approval" else shop.pay]
    outer = nest(2, Agent(ScriptedModel(script), name="cashier", tools=tools))
    result = await outer.run("go")
    state = crashed_at(result.state, lambda entry: "Started" in repr(entry)) if why == "unknown" else result.state
    result = await outer.run(through_json(state))
    assert [(call.call, call.why) for call in result.waiting] == [("0.0/0.0/0.0", why)]
    before, state = list(shop.done), through_json(result.state)
    match why:
        case "approval":
            state = state.approve(state.waiting[0])
        case "external":
            state = state.answer(state.waiting[0], "yes")
        case _:
            state = state.answer(state.waiting[0], "paid 7, says the bank")
    result = await outer.run(through_json(state))
    assert result.output == "level0 done"
    assert shop.done == [*before, *(["paid 7"] if why == "approval" else [])]
    assert (result.usage.requests, result.state.tool_calls) == (6, 3)
    check_invariants(result)


async def test_an_agent_as_a_tool_may_itself_need_an_approval() -> None:
    shop = Shop()
    inner = shop.agent()
    outer = Agent(
        ScriptedModel([[("cashier", {"input": "pay"})], "all done"]),
        tools=[inner.as_tool("cashier", approval=True)],
    )
    result = await outer.run("go")
    assert ([call.call for call in result.waiting], shop.done) == (["0.0"], [])
    result = await outer.run(through_json(result.state).approve("0.0"))
    assert (result.output, shop.done) == ("all done", ["paid 7"])
