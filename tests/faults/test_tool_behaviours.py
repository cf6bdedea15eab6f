"""Whatever a tool does: its call ends with one message, its siblings finish, and the run goes on (F2)."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentkit import Agent, RunResult, ScriptedModel, Tool, ToolError, ToolResult, tool
from agentkit.testing import check_invariants


class BrokenText(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class Odd(BaseException):
    """An error outside Exception that belongs to the tool alone."""


class Unprintable:
    """An object that nothing can be done with."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


def raising(error: BaseException) -> Callable[[list[int]], object]:
    def behave(numbers: list[int]) -> object:
        raise error

    return behave


def circular(numbers: list[int]) -> object:
    ring: list[Any] = []
    ring.append(ring)
    return ring


def mutating(numbers: list[int]) -> object:
    numbers.append(99)
    return "changed"


def next_of_nothing(numbers: list[int]) -> object:
    return next(iter(()))


BEHAVIOURS: dict[str, tuple[Callable[[list[int]], object], str]] = {
    "returns": (lambda numbers: "fine", "fine"),
    "returns-nothing": (lambda numbers: None, "null"),
    "returns-nan": (lambda numbers: math.nan, "null"),
    "returns-bytes": (lambda numbers: b"\xff\x00", "b'"),
    "returns-circular": (circular, "[[...]]"),
    "returns-huge": (lambda numbers: "x" * 1_000_000, "xxx"),
    "returns-an-object": (lambda numbers: Unprintable(), "<Unprintable>"),
    "returns-a-surrogate": (lambda numbers: "\ud800", "?"),
    "returns-images": (lambda numbers: ToolResult("see", images=["data:image/png;base64,AA=="]), "see"),
    "raises": (raising(ValueError("no such order")), "ValueError: no such order"),
    "raises-tool-error": (raising(ToolError("ask again tomorrow")), "ask again tomorrow"),
    "raises-a-broken-error": (raising(BrokenText()), "BrokenText: "),
    "raises-stop-iteration": (next_of_nothing, ""),
    "raises-generator-exit": (raising(GeneratorExit()), "the tool stopped itself with GeneratorExit"),
    "raises-cancelled-error": (raising(asyncio.CancelledError()), ""),
    "raises-outside-exception": (raising(Odd()), "the tool stopped itself with Odd"),
    "changes-its-arguments": (mutating, "changed"),
    "recurses": (lambda numbers: (lambda f: f(f))(lambda f: f(f)), "RecursionError"),
}


def made(behave: Callable[[list[int]], object], kind: str) -> Tool[..., Any]:
    @tool
    def in_a_thread(numbers: list[int]) -> object:
        """Behave."""
        return behave(numbers)

    @tool
    async def on_the_loop(numbers: list[int]) -> object:
        """Behave."""
        await anyio.lowlevel.checkpoint()
        return behave(numbers)

    return in_a_thread if kind == "def" else on_the_loop


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("streamed", [False, True], ids=["run", "stream"])
@pytest.mark.parametrize("kind", ["def", "async"])
@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_tool_may_do_anything_alone_and_among_siblings(name: str, kind: str, streamed: bool, backend: str) -> None:
    behave, told = BEHAVIOURS[name]
    bad = made(behave, kind)

    @tool
    async def sibling(number: int) -> int:
        """A well-behaved tool."""
        await anyio.lowlevel.checkpoint()
        return number

    async def main(place: int | None) -> tuple[RunResult[str], int]:
        calls: list[tuple[str, Any]] = [("sibling", {"number": n}) for n in range(2)] if place is not None else []
        calls.insert(place or 0, (bad.name, {"numbers": [1, 2]}))
        agent = Agent(ScriptedModel([calls, "done"]), tools=[bad, sibling])
        if not streamed:
            return await agent.run("go"), place or 0
        async with agent.stream("go") as run:
            return await run.finish(), place or 0

    for place in (None, 0, 2):
        before = threading.active_count()
        result, at = anyio.run(main, place, backend=backend)
        assert result.output == "done"
        contents = [str(m.content) for m in result.messages if m.role == "tool"]
        assert contents.pop(at).startswith(told)
        assert contents == (["0", "1"] if place is not None else [])
        assert '"numbers":[1,2]' in result.state.model_dump_json().replace("\\", "").replace(" ", "")
        check_invariants(result)
        assert threading.active_count() <= before + 2
