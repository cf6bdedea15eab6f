"""What type checkers know of tools: checked by mypy and pyright, not run."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, assert_type

from agentkit import Agent, Context, Tool, ToolResult, tool


@dataclass
class Shop:
    name: str
    stock: dict[str, int]


@tool
def count(ctx: Context[Shop], item: str, at_least: int = 0) -> int:
    """Count an item."""
    assert_type(ctx, Context[Shop])
    assert_type(ctx.deps, Shop)
    assert_type(ctx.deps.stock, dict[str, int])
    assert_type(ctx.attempt, int)
    assert_type(ctx.idempotency_key, str)
    return max(at_least, ctx.deps.stock[item])


@tool(effect="read", approval=False, timeout=2.5, lock="{city}", max_failures=1)
async def weather(city: str, *, days: int = 1) -> list[str]:
    """Tell the weather."""
    return [city] * days


@tool(name="sum", description="Add numbers.", thread=False, when=lambda ctx: bool(ctx.deps))
def add(*numbers: float) -> float:
    return sum(numbers)


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


async def halve(number: int) -> ToolResult:
    """Halve a number."""
    return ToolResult(str(number / 2))


class Desk:
    """A method decorated with @tool is bound like any method."""

    @tool
    def note(self, text: str) -> int:
        """Keep a note."""
        return len(text)

    @tool(effect="write", approval=True)
    async def send(self, ctx: Context[Shop], to: str) -> str:
        """Send the notes."""
        assert_type(self.note(to), int)
        return ctx.deps.name + to


def plain_functions() -> None:
    shop = Context(deps=Shop("a", {}))
    assert_type(shop, Context[Shop])
    assert_type(count(shop, "tea"), int)
    assert_type(count(shop, item="tea", at_least=2), int)
    assert_type(add(1, 2.5), float)


async def coroutines() -> None:
    later: Coroutine[Any, Any, list[str]] = weather("Oslo", days=2)
    assert_type(await later, list[str])
    assert_type(await weather(city="Oslo"), list[str])


async def methods() -> None:
    desk = Desk()
    assert_type(desk.note("hi"), int)
    assert_type(desk.note(text="hi"), int)
    assert_type(await desk.send(Context(deps=Shop("a", {})), to="Ann"), str)
    assert_type(Desk.note(desk, "hi"), int)
    assert_type(desk.note.name, str)
    assert_type(desk.note.schema, dict[str, Any])


async def given_a_function() -> None:
    doubled = tool(double, effect="idempotent", name="twice")
    assert_type(doubled(3), int)
    halved = tool(halve, strict=True)
    assert_type(await halved(3), ToolResult)
    of_method = tool(Desk().note.function or double)
    assert_type(of_method.name, str)
    takes_any(doubled, halved, weather)


def takes_any(*tools: Tool[..., Any]) -> None:
    Agent("offline", tools=[*tools, double, Desk()])


def a_tool_is_a_callable() -> Callable[[int], int]:
    return tool(double)


def from_elsewhere(look_up: Callable[..., str]) -> None:
    schema = {"type": "object", "properties": {"key": {"type": "string"}}}
    raw = Tool.from_schema("look_up", "Look a key up.", schema, look_up, effect="read", untrusted=True)
    assert_type(raw, Tool[..., Any])
    assert_type(Tool.external("ask", "Ask a person.", {}, timeout=None), Tool[..., Any])
    assert_type(Tool.of(double), Tool[..., Any])
    assert_type(Agent("offline").as_tool("helper", "Ask for help.", effect="read"), Tool[..., Any])
