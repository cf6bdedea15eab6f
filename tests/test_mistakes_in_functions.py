"""Functions, layers and models that do not fit where they are handed in: told when they are handed in, if it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from agentkit import (
    Agent,
    ChatCompletion,
    ChatRequest,
    ConfigurationError,
    Context,
    FunctionModel,
    Middleware,
    OfflineModel,
    ScriptedModel,
    tool,
)

AGENT: Any = Agent
FUNCTION: Any = FunctionModel
SCRIPTED: Any = ScriptedModel
TOOL: Any = tool


def pay(amount: int) -> str:
    """Pay."""
    return str(amount)


def run(**options: Any) -> Any:
    """A run that calls `pay` once."""
    return AGENT(ScriptedModel([[("pay", {"amount": 3})], "done"]), tools=[tool(pay)], **options).run_sync("hi")


class Silent(Middleware):
    async def around_model(self, call: Any, proceed: Any) -> Any:
        await proceed(call)


class SilentAroundRun(Middleware):
    async def around_run(self, call: Any, proceed: Any) -> Any:
        return None


class Hasty(Middleware):
    async def around_model(self, call: Any, proceed: Any) -> Any:
        return proceed(call)


class HastyAroundTool(Middleware):
    async def around_tool(self, call: Any, proceed: Any) -> Any:
        return proceed(call)


class Plain(Middleware):
    def around_model(self, call: Any, proceed: Any) -> Any:
        return "hi"


class Alone(Middleware):
    async def around_model(self, call: Any) -> Any:  # type: ignore[override]
        return call


class PlainModel:
    def complete(self, request: ChatRequest, on_chunk: Any = None) -> str:
        return "hi"


class DictModel:
    async def complete(self, request: ChatRequest, on_chunk: Any = None) -> dict[str, Any]:
        return {"choices": []}


class NoChunks:
    async def complete(self, request: ChatRequest) -> ChatCompletion:
        return await OfflineModel().complete(request)


PAY = "tool 'pay' (test_mistakes_in_functions.py:N)"
GIVE = "give a text, [(tool, arguments)], a message, a completion or an exception"
PROCEED = "write `async def`, and return what `await proceed(call)` gives"
COMPLETE = "write `async def complete(self, request, on_chunk=None)`, and return a ChatCompletion"
MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "approval without ctx": (lambda: TOOL(pay, approval=lambda amount: True), f"{PAY}: approval= is called with (ctx, amount=...); let it take just these: multiple values for argument 'amount'"),
    "approval without the arguments": (lambda: TOOL(pay, approval=lambda ctx: True), f"{PAY}: approval= is called with (ctx, amount=...); let it take just these: got an unexpected keyword argument 'amount'"),
    "when without ctx": (lambda: TOOL(pay, when=lambda: True), f"{PAY}: when= is called with (ctx); let it take just these: too many positional arguments"),
    "when that is no function": (lambda: TOOL(pay, when=True), f"{PAY}: when=True; use a function of ctx"),
    "instructions without ctx": (lambda: AGENT("offline", instructions=lambda: "Be brief."), "agent 'agent': instructions= is called with (ctx); let it take just these: too many positional arguments"),
    "instructions that return nothing": (lambda: run(instructions=lambda ctx: None), "agent 'agent': instructions= returned None; let it return a text"),
    "choose by a word that is none": (lambda: AGENT("offline", choose="best"), "agent 'agent': choose='best'; use 'first', 'most_confident', 'majority' or a function"),
    "choose without choices": (lambda: AGENT("offline", choose=lambda: 0), "agent 'agent': choose= is called with (choices); let it take just these: too many positional arguments"),
    "middleware that returns nothing": (lambda: run(middleware=[Silent()]), f"Silent.around_model returned NoneType; {PROCEED}"),
    "middleware around a run that returns nothing": (lambda: run(middleware=[SilentAroundRun()]), f"SilentAroundRun.around_run returned NoneType; {PROCEED}"),
    "middleware that does not await": (lambda: run(middleware=[Hasty()]), f"Hasty.around_model returned coroutine; {PROCEED}"),
    "middleware that is not async": (lambda: run(middleware=[Plain()]), f"Plain.around_model returned str; {PROCEED}"),
    "middleware without proceed": (lambda: AGENT("offline", middleware=[Alone()]), "agent 'agent': Alone.around_model is called with (call, proceed); let it take just these: too many positional arguments"),
    "middleware of a run without proceed": (lambda: AGENT("offline").run_sync("hi", middleware=[Alone()]), "agent.run: Alone.around_model is called with (call, proceed); let it take just these: too many positional arguments"),
    "model that is not async": (lambda: AGENT(PlainModel()).run_sync("hi"), f"PlainModel.complete returned str; {COMPLETE}"),
    "model that returns a dict": (lambda: AGENT(DictModel()).run_sync("hi"), f"DictModel.complete returned dict; {COMPLETE}"),
    "model that returns a dict, under middleware": (lambda: AGENT(DictModel(), middleware=[Middleware()]).run_sync("hi"), f"DictModel.complete returned dict; {COMPLETE}"),
    "model that takes no chunks": (lambda: AGENT(NoChunks()), "NoChunks.complete is called with (request, on_chunk); let it take just these: too many positional arguments"),
    "answer of no argument": (lambda: FUNCTION(lambda: "hi"), "FunctionModel's answer is called with (request); let it take just these: too many positional arguments"),
    "answer that is no function": (lambda: FUNCTION("hi"), "FunctionModel('hi'): give a function of the request"),
    "answer that is nothing": (lambda: AGENT(FUNCTION(lambda request: None)).run_sync("hi"), f"None is no answer: {GIVE}"),
    "script that is a text": (lambda: SCRIPTED("hi"), "ScriptedModel('hi'): give a list of answers: ScriptedModel([...])"),
    "script that is nothing": (lambda: SCRIPTED(None), "ScriptedModel(None): give a list of answers: ScriptedModel([...])"),
    "script with a call that is in no list": (lambda: AGENT(SCRIPTED([("pay", {"amount": 3})])).run_sync("hi"), f"('pay', {{'amount': 3}}) is no answer: {GIVE}"),
    "script with a number": (lambda: AGENT(SCRIPTED([3])).run_sync("hi"), f"3 is no answer: {GIVE}"),
    "script that is too short": (lambda: AGENT(SCRIPTED([])).run_sync("hi"), "ScriptedModel has 0 answers, and was asked for answer 1; give it more"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_what_does_not_fit_is_told_with_its_place_and_its_remedy(name: str) -> None:
    make, told = MISTAKES[name]
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert re.sub(r"(_functions\.py):\d+", r"\1:N", str(raised.value)) == told


def test_a_layer_that_forgets_await_around_a_tool_fails_that_call_alone() -> None:
    replies = [str(m.content) for m in run(middleware=[HastyAroundTool()]).messages if m.role == "tool"]
    assert replies == [f"ConfigurationError: HastyAroundTool.around_tool returned coroutine; {PROCEED}"]


def test_what_takes_more_than_it_is_given_fits() -> None:
    def any_arguments(*args: Any, **kwargs: Any) -> bool:
        return False

    class Asked:
        def __call__(self, ctx: Context[Any], amount: int, note: str = "") -> bool:
            return amount < 0

    TOOL(pay, approval=any_arguments, when=bool)
    TOOL(pay, approval=Asked(), when=any_arguments)
    assert run(instructions=lambda ctx, again="": f"Be brief{again}.").output == "done"
