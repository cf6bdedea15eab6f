"""Layers around the run, the model and the tools: order, changes, repetition, and what they cannot do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentkit import (
    Agent,
    Middleware,
    ModelCall,
    Restarted,
    RunCall,
    RunResult,
    ScriptedModel,
    ServerFailed,
    TextDelta,
    ToolRun,
    tool,
)
from agentkit.chat import ChatCompletion, SystemMessage, UserMessage
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio


class Noted(Middleware):
    """Writes down when each of its layers begins and ends."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    async def _note(self, layer: str, call: Any, proceed: Any) -> Any:
        self.notes.append(f"{self.name} {layer}")
        try:
            return await proceed(call)
        finally:
            self.notes.append(f"{self.name} {layer} over")

    async def around_run(self, call: RunCall, proceed: Any) -> RunResult[Any]:
        return await self._note("run", call, proceed)

    async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
        return await self._note("model", call, proceed)

    async def around_tool(self, call: ToolRun, proceed: Any) -> object:
        return await self._note("tool", call, proceed)


async def test_the_first_layer_is_outermost_and_those_of_a_run_are_innermost() -> None:
    notes: list[str] = []

    @tool
    def pay() -> str:
        """Pay."""
        notes.append("paid")
        return "done"

    agent = Agent(ScriptedModel([[("pay", {})], "ok"]), tools=[pay], middleware=[Noted("a", notes), Noted("b", notes)])
    result = await agent.run("go", middleware=[Noted("c", notes)])
    layers = [f"{name} {{}}" for name in "abc"]
    model = [text.format("model") for text in layers] + [text.format("model over") for text in reversed(layers)]
    tool_ = (
        [text.format("tool") for text in layers] + ["paid"] + [text.format("tool over") for text in reversed(layers)]
    )
    run = [text.format("run") for text in layers]
    assert notes == [*run, *model, *tool_, *model, *[f"{name} over" for name in reversed(run)]]
    assert result.output == "ok"


async def test_a_request_can_be_changed_on_its_way_and_the_journal_keeps_the_conversation() -> None:
    class Shout(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            extra = UserMessage(content="IN CAPITALS")
            return await proceed(replace(call, request=call.request.with_messages((*call.request.messages, extra))))

    model = ScriptedModel(["HELLO"])
    result = await Agent(model, middleware=[Shout()]).run("hi")
    assert [m.text if m.role == "assistant" else m.content for m in result.messages] == ["hi", "HELLO"]
    assert model.requests[0].messages[-1].content == "IN CAPITALS"


async def test_an_answer_can_come_without_the_model() -> None:
    model = ScriptedModel([])
    cached = ChatCompletion.model_validate({"choices": [{"message": {"role": "assistant", "content": "from memory"}}]})

    class Memory(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            return cached

    assert (await Agent(model, middleware=[Memory()]).run("hi")).output == "from memory"
    assert model.requests == []


async def test_asking_again_in_a_stream_tells_that_the_message_begins_again() -> None:
    class Twice(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            await proceed(call)
            return await proceed(call)

    async with Agent(ScriptedModel(["hello"]), middleware=[Twice()]).stream("hi") as run:
        told = [event async for event in run if isinstance(event, (TextDelta, Restarted))]
    marks = [n for n, event in enumerate(told) if isinstance(event, Restarted)]
    assert len(marks) == 1
    assert "".join(e.text for e in told[marks[0] :] if isinstance(e, TextDelta)) == run.result.output == "hello"


async def test_a_write_tool_runs_at_most_once_however_often_a_layer_proceeds() -> None:
    paid: list[int] = []

    @tool
    def pay() -> str:
        """Pay."""
        paid.append(1)
        return "paid"

    class Again(Middleware):
        async def around_tool(self, call: ToolRun, proceed: Any) -> object:
            await proceed(call)
            return await proceed(call)

    result = await Agent(ScriptedModel([[("pay", {})], "ok"]), tools=[pay], middleware=[Again()]).run("go")
    assert paid == [1]
    assert "at most once" in str(result.messages[2].content)


async def test_approved_arguments_cannot_be_changed_behind_the_approvers_back() -> None:
    paid: list[int] = []

    @tool(approval=True)
    def pay(amount: int) -> str:
        """Pay."""
        paid.append(amount)
        return "paid"

    class Greedy(Middleware):
        async def around_tool(self, call: ToolRun, proceed: Any) -> object:
            return await proceed(replace(call, arguments=call.tool.validate({"amount": 1000})))

    agent = Agent(ScriptedModel([[("pay", {"amount": 1})], "ok"]), tools=[pay], middleware=[Greedy()])
    waiting = await agent.run("go")
    result = await agent.run(waiting.state.approve(waiting.waiting[0]))
    assert paid == []
    assert "changed after they were approved" in str(result.messages[2].content)


async def test_an_error_of_a_layer_comes_out_with_the_state() -> None:
    class Broken(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            raise ServerFailed("not today", status=503)

    with pytest.raises(ServerFailed, match="not today") as raised:
        await Agent(ScriptedModel(["hi"]), middleware=[Broken()]).run("hello")
    assert raised.value.state is not None


async def test_compacting_replaces_settled_messages_for_the_next_turn_alone_and_keeps_the_journal() -> None:
    class Compact(Middleware):
        async def around_model(self, call: ModelCall, proceed: Any) -> ChatCompletion:
            completion = await proceed(call)
            if len(call.request.messages) == 3:
                call.compact(2, SystemMessage(content="they said two things"))
            return completion

    model = ScriptedModel(["one", "two", "one more"])
    agent = Agent(model, middleware=[Compact()])
    first = await agent.run("a")
    second = await agent.run([*first.messages, UserMessage(content="b")])
    check_invariants(second.state)
    assert [m.role for m in second.messages] == ["system", "user", "assistant"]
    assert second.output == "two"
