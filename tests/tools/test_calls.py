"""Running tools: threads, methods, raw schemas, external tools, and plain calls in unit tests."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest

from agentkit import Agent, ConfigurationError, Context, ScriptedModel, Tool, ToolError, tool
from agentkit.tools import tools_of

pytestmark = pytest.mark.anyio

WHO: ContextVar[str] = ContextVar("who", default="nobody")
CITY = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}}, "required": ["city"]}


async def called(made: Tool[..., Any], text: str = "{}", **context: Any) -> Any:
    return await made.call(made.validate(text), Context(context.get("deps")))


async def test_sync_functions_run_in_worker_threads_with_the_callers_context() -> None:
    @tool
    def where() -> tuple[int, str]:
        """Where."""
        return threading.get_ident(), WHO.get()

    WHO.set("alice")
    thread, who = await called(where)
    assert thread != threading.get_ident()
    assert who == "alice"
    same, _ = await called(tool(where.function, thread=False))
    assert same == threading.get_ident()


async def test_many_slow_sync_tools_run_side_by_side() -> None:
    both = threading.Barrier(32, timeout=10)

    @tool
    def meet() -> str:
        """Meet: nobody passes before all are here."""
        both.wait()
        return "met"

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(32):
                group.start_soon(called, meet)


async def test_sixty_four_sync_tools_run_at_once_and_the_next_waits() -> None:
    running, all_run, go_on = [0], threading.Event(), threading.Event()
    lock = threading.Lock()

    @tool
    def work() -> int:
        """Work."""
        with lock:
            running[0] += 1
            most = running[0]
            if most == 64:
                all_run.set()
        go_on.wait(20)
        with lock:
            running[0] -= 1
        return most

    seen: list[int] = []

    async def call() -> None:
        seen.append(await called(work))

    async with anyio.create_task_group() as group:
        for _ in range(70):
            group.start_soon(call)
        try:
            assert await anyio.to_thread.run_sync(all_run.wait, 20, limiter=anyio.CapacityLimiter(1))
        finally:
            go_on.set()
    assert (len(seen), max(seen)) == (70, 64)


class Shop:
    """Methods as tools."""

    def __init__(self, name: str) -> None:
        self.name = name

    @tool
    def stock(self, item: str) -> str:
        """Stock of an item."""
        return f"{self.name}: 3 {item}"

    @tool(effect="read", name="opening_hours")
    async def hours(self) -> str:
        """Opening hours."""
        return f"{self.name}: always"

    def plain(self, item: str) -> str:
        """A method without a decorator."""
        return f"{self.name} {item}"


async def test_methods_of_objects_are_tools_bound_to_their_object() -> None:
    one, two = Shop("one"), Shop("two")
    assert [t.name for t in tools_of([one])] == ["opening_hours", "stock"]
    assert await called(one.stock, '{"item":"tea"}') == "one: 3 tea"
    assert await called(two.stock, '{"item":"tea"}') == "two: 3 tea"
    assert one.stock("tea") == "one: 3 tea"
    assert await two.hours() == "two: always"
    assert list(one.stock.parameters["properties"]) == ["item"]
    assert await called(Tool.of(one.plain), '{"item":"tea"}') == "one tea"
    result = await Agent(ScriptedModel([[("opening_hours", {})], "ok"]), tools=[two]).run("hi")
    assert result.messages[2].content == "two: always"


async def test_partials_and_callable_objects_are_tools() -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    class Multiply:
        """Multiply two numbers."""

        async def __call__(self, a: int, b: int) -> int:
            return a * b

    plus = tool(partial(add, b=1), name="plus_one", description="Add one.")
    assert list(plus.parameters["properties"]) == ["a"]
    assert await called(plus, '{"a":2}') == 3
    assert await called(tool(Multiply(), name="multiply"), '{"a":2,"b":3}') == 6


async def test_a_tool_called_as_a_function_is_the_function() -> None:
    @tool(effect="read", approval=True, timeout=1)
    async def look(city: str, days: int = 1) -> str:
        """Look."""
        return f"{city} {days}"

    assert await look("Rome") == "Rome 1"
    assert await look("Rome", days=2) == "Rome 2"
    assert look.__name__ == "look"
    assert look.__doc__ == "Look."
    with pytest.raises(TypeError):
        look()  # type: ignore[call-arg]


async def test_a_raw_schema_is_checked_before_the_function_sees_anything() -> None:
    seen: list[Any] = []

    async def save(**arguments: Any) -> str:
        seen.append(arguments)
        return "saved"

    made = Tool.from_schema("save", "Save.", CITY, save)
    assert await called(made, '{"city":"Rome"}') == "saved"
    for text, told in (
        ("{}", "'city' is a required property"),
        ('{"city":"rome"}', "'rome' does not match '^[A-Z]'"),
        ('{"city":1}', "1 is not of type 'string'"),
    ):
        with pytest.raises(ToolError, match=told.replace("^", r"\^").replace("[", r"\[")):
            made.validate(text)
    assert seen == [{"city": "Rome"}]


def test_patterns_of_raw_schemas_cannot_hang() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
    made = Tool.from_schema("f", "F.", schema, lambda x: x)
    begun = time.process_time()
    with pytest.raises(ToolError):
        made.validate('{"x":"' + "a" * 5000 + '!"}')
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string"}, "must be a schema of type object"),
        (
            {"type": "object", "properties": {"x": {"$ref": "https://example.com/x.json"}}},
            "points outside the schema; inline",
        ),
        ({"type": "object", "properties": {"x": {"type": "strin"}}}, "the type 'strin' is unknown; use"),
    ],
    ids=["no-object", "remote-ref", "no-schema"],
)
def test_a_raw_schema_that_cannot_be_is_refused_at_construction(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Tool.from_schema("f", "F.", schema, lambda x: x)


def test_a_schema_without_an_end_is_told_when_a_value_reaches_it() -> None:
    endless = {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/a"}]}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": endless}}
    made = Tool.from_schema("f", "F.", schema, dict)
    assert made.validate('{"a": 1}').values == {"a": 1}
    with pytest.raises(ToolError, match="cannot be checked"):
        made.validate('{"a": true}')


def test_an_external_tool_has_no_function_to_call() -> None:
    made = Tool.external("ask_human", "Ask.", CITY)
    assert made.runs_elsewhere
    with pytest.raises(ConfigurationError, match="'ask_human' is external"):
        made("Rome")


class Desk:
    """Tools of other kinds as attributes of a class."""

    human = Tool.external("ask_human", "Ask.", CITY)
    save = Tool.from_schema("save", "Save.", CITY, lambda city: f"saved {city}")


async def test_tools_that_are_no_methods_can_be_attributes_of_a_class() -> None:
    desk = Desk()
    assert [t.name for t in tools_of([desk])] == ["ask_human", "save"]
    assert await called(desk.save, '{"city":"Rome"}') == "saved Rome"


def test_two_tools_of_one_name_are_refused_with_both_places() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"two tools are named 'opening_hours': .*test_calls\.py:\d+.* and .*test_calls\.py:\d+.*; rename one",
    ):
        tools_of([Shop("one"), Shop("two")])


def test_a_context_can_be_made_for_a_unit_test_and_says_what_it_lacks() -> None:
    ctx = Context("shop")
    assert ctx.deps == "shop"
    for name in ("call_id", "idempotency_key"):
        with pytest.raises(ConfigurationError, match="exists only inside a tool call"):
            getattr(ctx, name)


def test_the_digest_tells_tools_of_other_code_or_schema_apart() -> None:
    def one(x: int) -> int:
        """Same."""
        return x

    def two(x: int) -> int:
        """Same."""
        return x + 1

    first = tool(one, name="same")
    assert first.digest == tool(one, name="same").digest
    assert len({first.digest, tool(two, name="same").digest, tool(one, name="other").digest}) == 3
