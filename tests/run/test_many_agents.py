"""Many agents: hand-overs and what they keep, agents as tools, one budget, and the picture of it all."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from typing import Any

import pytest

from agentkit import (
    Agent,
    AgentEvent,
    ConfigurationError,
    FunctionModel,
    Handoff,
    LimitReached,
    Limits,
    MemoryStore,
    RunState,
    ScriptedModel,
    TextDelta,
    ToolFinished,
    ToolResult,
    ToolStarted,
    Waiting,
    event_json,
    tool,
)
from agentkit.chat import Message
from agentkit.journal import AgentChanged, Compacted, Told
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio


@tool(effect="read")
async def look(page: int) -> str:
    """Look."""
    return f"page {page}"


def billing(**options: Any) -> Agent[None, str]:
    """Says what it was told, as "role: content" lines."""
    return Agent(FunctionModel(told), name="billing", instructions="You bill.", **options)


def told(request: Any) -> str:
    return "\n".join(f"{m.role}: {m.content or [call.name for call in m.calls]}" for m in request.messages)


def triage(handoff: Any, **options: Any) -> Agent[None, str]:
    def answer(request: Any) -> Any:
        last = [str(m.content) for m in request.messages if m.role == "user"][-1]
        if last == "hello":
            return "hi"
        if request.messages[-1].role == "tool":
            return [("transfer_to_billing", {}), ("look", {"page": 2})]
        return [("look", {"page": 1})]

    return Agent(FunctionModel(answer), name="triage", tools=[look], handoffs=[handoff], **options)


def summed_up(messages: Sequence[Message]) -> str:
    return f"{len(messages)} messages went before"


async def only_users(messages: tuple[Message, ...]) -> Sequence[Message]:
    return [message for message in messages if message.role == "user"]


RUN = [
    "user: my invoice",
    "assistant: ['look']",
    "tool: page 1",
    "assistant: ['transfer_to_billing', 'look']",
    "tool: The conversation is now with billing.",
    "tool: page 2",
]


@pytest.mark.parametrize(
    ("history", "seen"),
    [
        ("all", ["user: hello", "assistant: hi", *RUN]),
        ("last_run", RUN),
        ("none", ["user: my invoice"]),
        (summed_up, ["user: 8 messages went before"]),
        (only_users, ["user: hello", "user: my invoice"]),
    ],
)
async def test_the_next_agent_sees_what_its_handoff_says_and_the_journal_keeps_everything(
    history: Any, seen: list[str]
) -> None:
    agent = triage(Handoff(billing(), history=history))
    session = MemoryStore().session("s")
    await agent.run("hello", session=session)
    result = await agent.run("my invoice", session=session)
    assert result.output.splitlines() == ["system: You bill.", *seen]
    assert result.agent == "billing"
    state = await session.load()
    assert [str(message.content) for message in state.messages] == [str(m.content) for m in result.messages]
    assert sum(isinstance(entry, Compacted) for entry in state.entries) == (history != "all")
    check_invariants(result)
    again = await agent.run("hello", session=session)
    assert (again.output, again.agent) == ("hi", "triage")


@pytest.mark.parametrize("history", ["all", "last_run", "none", summed_up])
async def test_from_every_prefix_of_the_journal_the_hand_over_ends_the_same(history: Any) -> None:
    agent = triage(Handoff(billing(), history=history))
    whole = await agent.run("my invoice")
    entries = list(whole.state.entries)
    for end in range(1, len(entries)):
        state = RunState.model_validate_json(RunState.folded("j", entries[:end]).model_dump_json())
        check_invariants(state)
        result = await agent.run(state)
        assert (result.output, result.agent) == (whole.output, "billing")
        assert sum(isinstance(entry, AgentChanged) for entry in result.state.entries) == 1
        check_invariants(result)


async def test_what_the_framework_said_in_the_users_place_is_not_what_the_user_asked() -> None:
    @tool(effect="read")
    async def photo() -> ToolResult:
        """Take a photo."""
        return ToolResult("taken", images=["data:image/png;base64,AA=="])

    script = [[("photo", {})], [("photo", {})], [("photo", {})], [("transfer_to_billing", {}), ("photo", {})]]
    agent = Agent(ScriptedModel(script), name="triage", tools=[photo], handoffs=[Handoff(billing(), history="none")])
    result = await agent.run("my invoice")
    assert any(isinstance(entry, Told) for entry in result.state.entries)  # the circle was told of
    assert result.output.splitlines() == ["system: You bill.", "user: my invoice"]


async def test_what_a_function_of_the_history_gave_is_not_asked_for_again() -> None:
    asked: list[int] = []

    def count(messages: tuple[Message, ...]) -> str:
        asked.append(len(messages))
        return f"summary {len(asked)}"

    agent = triage(Handoff(billing(), history=count))
    entries = list((await agent.run("my invoice")).state.entries)
    end = next(n for n, entry in enumerate(entries) if isinstance(entry, Compacted))
    result = await agent.run(RunState.folded("j", entries[: end + 1]))
    assert "user: summary 1" in result.output
    assert len(asked) == 1


async def test_a_handoff_has_the_name_and_description_it_was_given() -> None:
    model = ScriptedModel([[("functions.to_the_bank", {})], "never"])
    agent = Agent(
        model,
        name="triage",
        handoffs=[Handoff(billing(), history="none", name="to_the_bank", description="For money.")],
    )
    result = await agent.run("pay")
    assert result.output.splitlines() == ["system: You bill.", "user: pay"]
    [sent] = model.requests[0].tools or ()
    assert (sent.function.name, sent.function.description) == ("to_the_bank", "For money.")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Handoff("billing"), "give it the agent to hand over to"),
        (lambda: Handoff(billing(), history="some"), "history='some'; use 'all', 'last_run', 'none' or a function"),
        (lambda: Handoff(billing(), history=lambda: "x"), "is called with"),
        (lambda: Agent("offline", handoffs=[look]), r"give agents or Handoff\(agent, \.\.\.\)"),
        (lambda: Agent("offline", handoffs=[billing(), Handoff(billing())]), "two tools are named"),
    ],
)
async def test_a_handoff_that_cannot_be_is_refused_where_it_is_made(make: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


async def test_two_hand_overs_in_one_message_the_first_counts() -> None:
    other = Agent(ScriptedModel(["x", "y"]), name="other")
    agent = Agent(
        ScriptedModel([[("transfer_to_billing", {}), ("transfer_to_other", {})]]), handoffs=[billing(), other]
    )
    result = await agent.run("go")
    assert result.agent == "billing"
    assert result.output.splitlines()[-1] == "tool: denied: another hand-over of the same message came first"


def circle(limits: Limits) -> Agent[None, str]:
    """Two agents that hand over to each other without end."""

    def over(name: str) -> FunctionModel:
        return FunctionModel(lambda r: "enough" if r.tool_choice == "none" else [(f"transfer_to_{name}", {})])

    left: Agent[None, str] = Agent(over("right"), name="left", handoffs=lambda: [right], limits=limits)
    right: Agent[None, str] = Agent(over("left"), name="right", handoffs=lambda: [left])
    return left


async def test_a_circle_of_hand_overs_is_limited() -> None:
    with pytest.raises(LimitReached) as raised:
        await circle(Limits(handoffs=3)).run("go")
    state = RunState.of(raised.value)
    assert (raised.value.limit, state.handoffs) == ("handoffs", 4)
    check_invariants(state)
    with pytest.raises(LimitReached) as raised:
        await circle(Limits(handoffs=5)).run(RunState.model_validate_json(state.model_dump_json()))
    assert RunState.of(raised.value).handoffs == 6
    result = await circle(Limits(handoffs=3, on_limit="conclude")).run("go")
    assert (result.output, result.stopped_by) == ("enough", "handoffs")
    check_invariants(result)


def inside_each_other(**limits: Any) -> Agent[None, str]:
    """An agent that asks an agent that hands over to one that asks the first again, without end."""
    first: Agent[None, str]

    def asking(name: str) -> FunctionModel:
        return FunctionModel(
            lambda r: "done" if any(m.role == "tool" for m in r.messages) else [(name, {"input": "deeper"})]
        )

    def step(level: int) -> Agent[None, str]:
        if level == 0:
            return Agent(ScriptedModel(["the bottom"]), name="bottom")
        inner = step(level - 1)
        return Agent(asking(inner.spec.name), name=f"level{level}", tools=[inner.as_tool()])

    first = step(4)
    return first.replace(limits=Limits(**limits))


async def test_agents_inside_agents_are_limited_in_depth() -> None:
    with pytest.raises(LimitReached) as raised:
        await inside_each_other(depth=3).run("go")
    state = RunState.of(raised.value)
    assert raised.value.limit == "depth"
    check_invariants(state)
    result = await inside_each_other(depth=4).run(RunState.model_validate_json(state.model_dump_json()))
    assert result.output == "done"
    check_invariants(result)
    result = await inside_each_other(depth=3, on_limit="conclude").run("go")
    assert (result.output, result.stopped_by) == ("done", None)
    assert "agents may work 3 deep" in result.state.model_dump_json()


async def test_one_budget_holds_for_all_agents_of_a_run() -> None:
    def researcher(name: str) -> Agent[None, str]:
        return Agent(
            FunctionModel(lambda r: [("look", {"page": len(r.messages)})]), name=name, tools=[look]
        )  # never ends

    agents = [researcher(f"researcher{n}") for n in range(3)]
    boss = Agent(
        ScriptedModel([[(agent.spec.name, {"input": "go"}) for agent in agents], "never"]),
        tools=[agent.as_tool() for agent in agents],
        limits=Limits(turns=10),
    )
    with pytest.raises(LimitReached) as raised:
        await boss.run("go")
    state = RunState.of(raised.value)
    assert raised.value.limit == "turns"
    assert 10 <= state.turns <= 12  # the three ask at the same time
    assert state.usage.requests - state.usage.requests_unknown == state.turns  # those cut off are told too
    check_invariants(state)


async def test_usage_is_told_for_each_agent() -> None:
    inner = Agent(ScriptedModel([[("look", {"page": 1})], "inner"]), name="inner", tools=[look])

    def answer(request: Any) -> Any:
        return [("transfer_to_billing", {}) if request.messages[-1].role == "tool" else ("inner", {"input": "go"})]

    outer = Agent(FunctionModel(answer), name="outer", tools=[inner.as_tool()], handoffs=[billing()])
    session = MemoryStore().session("s")
    for _ in range(2):  # the usage is that of one run
        result = await outer.run("go", session=session)
        by_agent = result.usage_by_agent
        assert {name: usage.requests for name, usage in by_agent.items()} == {"outer": 2, "inner": 2, "billing": 1}
        assert sum(usage.total_tokens for usage in by_agent.values()) == result.usage.total_tokens


def nested(nested: bool) -> tuple[Agent[None, str], dict[str, Any]]:
    @tool(approval=True)
    async def pay() -> str:
        """Pay."""
        return "paid"

    cashier = Agent(ScriptedModel([[("pay", {})], "it is paid"]), name="cashier", tools=[pay])
    desk = Agent(ScriptedModel([[("cashier", {"input": "pay"})], "desk says"]), name="desk", tools=[cashier.as_tool()])
    boss = Agent(ScriptedModel([[("desk", {"input": "pay"})], "all done"]), name="boss", tools=[desk.as_tool()])
    return boss, {"nested": nested}


@pytest.mark.parametrize("heard", [True, False])
async def test_agents_inside_are_heard_where_that_is_asked_for(heard: bool) -> None:
    boss, options = nested(heard)
    events: list[Any] = []
    async with boss.stream("go", **options) as run:
        events += [event async for event in run]
    state = run.result.state
    assert [event.call for event in events if isinstance(event, Waiting)] == ["0.0/0.0/0.0"]
    async with boss.stream(state.approve("0.0/0.0/0.0"), **options) as run:
        events += [event async for event in run]
    inner = [event for event in events if isinstance(event, AgentEvent)]
    if not heard:
        assert inner == []
        return
    texts: dict[tuple[str, str], str] = {}
    for event in inner:
        assert not isinstance(event.inner, Waiting)
        if isinstance(event.inner, TextDelta):
            at = (event.call, event.agent)
            texts[at] = texts.get(at, "") + event.inner.text
    assert texts == {("0.0", "desk"): "desk says", ("0.0/0.0", "cashier"): "it is paid"}
    begun = [event for event in inner if isinstance(event.inner, ToolStarted) and event.inner.call.name == "pay"]
    ended = [event for event in inner if isinstance(event.inner, ToolFinished) and event.inner.call.name == "pay"]
    assert [(event.call, event.inner.call.id) for event in (*begun, *ended)] == [("0.0/0.0", "0.0")] * 2
    assert '"inner":{"event":"TextDelta"' in event_json(next(e for e in inner if isinstance(e.inner, TextDelta)))


async def test_only_streams_take_nested() -> None:
    boss, _ = nested(True)
    with pytest.raises(TypeError, match="has no keyword 'nested'"):
        await boss.run("go", nested=True)  # type: ignore[call-overload]


def test_an_agent_system_is_drawn() -> None:
    @tool(approval=True)
    def refund(order: int) -> str:
        """Refund."""
        return ""

    desk: Agent[None, str] = Agent(
        "offline", name="desk", tools=[look], handoffs=lambda: [Handoff(bank, history="none")]
    )
    clerk = Agent("offline", name='clerk <"a&b">', tools=[refund])
    bank: Agent[None, str] = Agent("offline", name="bank", tools=[clerk.as_tool("ask_clerk")], handoffs=lambda: [desk])
    graph = desk.graph()
    assert graph.mermaid == (
        "flowchart LR\n"
        '    a0["desk · offline<br/>look"]\n'
        '    a1["bank · offline"]\n'
        '    a2["clerk #lt;#quot;a#amp;b#quot;#gt; · offline<br/>refund (approval)"]\n'
        '    a0 -->|"history: none"| a1\n'
        '    a1 -.->|"ask_clerk"| a2\n'
        "    a1 --> a0\n"
    )
    root = ElementTree.fromstring(graph.svg())
    svg = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{svg}text")]
    assert {"desk · offline", 'clerk <"a&b"> · offline', "refund (approval)", "history: none"} <= set(texts)
    assert len(root.findall(f"{svg}path")) == 3
    boxes = [(float(r.get("x", "")), float(r.get("y", "")), float(r.get("width", ""))) for r in root.iter(f"{svg}rect")]
    assert [x for x, _, _ in boxes] == sorted({x for x, _, _ in boxes})
    assert max(x + width for x, _, width in boxes) < float(root.get("width", ""))


async def test_agents_in_a_circle_run_as_they_are_overridden_also_while_one_is_held_open() -> None:
    first: Agent[None, str] = Agent("offline", name="first", handoffs=lambda: [second])
    second: Agent[None, str] = Agent("offline", name="second", handoffs=lambda: [first])
    model = ScriptedModel([[("transfer_to_second", {})], "from the second"])
    with first.override(model=model), second.override(model=model):
        async with first:
            result = await first.run("go")
    assert (result.agent, result.output) == ("second", "from the second")
