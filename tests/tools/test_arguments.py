"""Arguments as models write them: what is accepted, what is mended, what goes back as a precise error (Q69 to Q79)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit import Context, Tool, ToolError, tool


class Unit(Enum):
    """A unit."""

    celsius = "celsius"
    kelvin = "kelvin"


class Item(BaseModel):
    """A line of an order."""

    name: str
    count: int = 1
    note: str | None = "none"


@dataclass
class Basket:
    """Several lines."""

    items: list[Item]
    codes: dict[str, int] = field(default_factory=dict)


@tool
def weather(city: str, days: int = 3, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Weather."""
    return city


@tool
def order(basket: Basket, todos: list[str] = [], when: str | None = "now", size: int | None = 5) -> str:  # noqa: B006
    """Order."""
    return "ok"


@tool
def flags(on: bool, either: int | bool = 0, unit: Unit = Unit.celsius, ratio: float = 0.5) -> str:
    """Flags."""
    return "ok"


@tool
def now() -> str:
    """No arguments."""
    return "now"


ITEM = {"name": "tea"}

ACCEPTED: list[tuple[str, Tool[..., Any], str, dict[str, Any], tuple[str, ...]]] = [
    ("plain", weather, '{"city": "Rome"}', {"city": "Rome", "days": 3, "unit": "celsius"}, ()),
    ("Q12-no-text", now, "", {}, ("no text instead of {}",)),
    ("Q69-whole", weather, json.dumps('{"city":"Rome"}'), {"city": "Rome"}, ("JSON text encoded twice",)),
    ("Q69-nested", order, json.dumps({"basket": {"items": []}, "todos": '["a"]'}), {"todos": ["a"]}, ("todos encoded twice",)),
    ("Q69-deep", order, json.dumps({"basket": {"items": json.dumps([ITEM])}}), {}, ("basket.items encoded twice",)),
    ("Q69-object", order, json.dumps({"basket": json.dumps({"items": []})}), {}, ("basket encoded twice",)),
    ("Q69-text-that-looks-like-JSON", weather, '{"city": "[1]"}', {"city": "[1]"}, ()),
    ("fence", weather, '```json\n{"city":"Rome"}\n```', {"city": "Rome"}, ("a code fence around the JSON",)),
    ("null-for-a-default", weather, '{"city":"Rome","days":null}', {"days": 3}, ("null for the default of days",)),
    ("null-that-is-meant", order, '{"basket":{"items":[]},"when":null}', {"when": None}, ()),
    ("null-beside-a-default", order, '{"basket":{"items":[]},"todos":null,"size":null}', {"todos": [], "size": None}, ("null for the default of todos",)),
    ("null-inside-a-model", order, '{"basket":{"items":[{"name":"tea","count":null,"note":null}]}}', {"basket": Basket([Item(name="tea", count=1, note=None)])}, ("null for the default of basket.items.0.count",)),
    ("null-inside-a-dataclass", order, '{"basket":{"items":[],"codes":null}}', {"basket": Basket([])}, ("null for the default of basket.codes",)),
    ("Q77-scalars", weather, '{"city":"Rome","days":"12"}', {"days": 12}, ()),
    ("Q77-boolean-where-one-is-offered", flags, '{"on":true,"either":true}', {"on": True, "either": True}, ()),
    ("enum", flags, '{"on":false,"unit":"kelvin","ratio":1}', {"unit": Unit.kelvin, "ratio": 1.0}, ()),
]  # fmt: skip

REFUSED: list[tuple[str, Tool[..., Any], str, str]] = [
    ("enum", weather, '{"city":"Rome","unit":"kelvin"}', "unit: 'kelvin' is not one of 'celsius', 'fahrenheit'"),
    ("missing", weather, "{}", "city: is required"),
    ("Q12-required", weather, " ", "the arguments are empty; give a JSON object"),
    ("Q69-scalar-text", weather, '{"city":"Rome","days":"[1]"}', "days: Input should be a valid integer, unable to parse string as an integer, got '[1]'"),
    ("Q69-three-times", weather, json.dumps(json.dumps('{"city":"Rome"}')), "the arguments must be a JSON object, not a string"),
    ("not-an-object", weather, '["Rome"]', "the arguments must be a JSON object, not an array"),
    ("null", weather, "null", "the arguments must be a JSON object, not null"),
    ("Q70-trailing-text", weather, '{"city":"Rome"}Estimating', "the arguments are not valid JSON: trailing characters at line 1 column 16"),
    ("Q70-brace-too-many", weather, '{"city":"Rome"}}', "the arguments are not valid JSON: trailing characters at line 1 column 16"),
    ("Q71-python", weather, "{'city': 'Rome'}", "the arguments are not valid JSON: key must be a string at line 1 column 2"),
    ("Q71-python-names", weather, '{"city": None}', "the arguments are not valid JSON: expected value at line 1 column 10"),
    ("Q72-nan", flags, '{"on":true,"ratio":NaN}', "the arguments are not valid JSON: expected value at line 1 column 20"),
    ("Q72-infinity", flags, '{"on":true,"ratio":-Infinity}', "the arguments are not valid JSON: invalid number at line 1 column 21"),
    ("Q72-1e999", flags, '{"on":true,"ratio":1e999}', "ratio: the number is not finite"),
    ("Q72-nested", order, '{"basket":{"items":[],"codes":{"a":-1e999}}}', "basket.codes.a: the number is not finite"),
    ("Q73-surrogate", weather, '{"city":"\\ud800"}', "the arguments are not valid JSON: unexpected end of hex escape at line 1 column 16"),
    ("Q73-half-a-surrogate-pair", weather, '{"city":"\ud800"}', "the arguments are not valid JSON: they hold half of a surrogate pair"),
    ("Q74-deep", order, '{"todos":' + "[" * 5000 + "]" * 5000 + "}", "the arguments are not valid JSON: recursion limit exceeded at line 1 column 210"),
    ("Q74-deeper-than-100", order, '{"todos":' + "[" * 100 + "]" * 100 + "}", "nested deeper than 100 levels"),
    ("Q75-5000-digits", weather, '{"city":"Rome","days":' + "9" * 5000 + "}", "the arguments are not valid JSON: number out of range at line 1 column 4324"),
    ("Q77-true-for-an-integer", weather, '{"city":"Rome","days":true}', "days: expected a number, got true"),
    ("Q77-true-in-an-optional", order, '{"basket":{"items":[]},"size":true}', "size: expected a number, got true"),
    ("Q77-true-in-a-model", order, '{"basket":{"items":[{"name":"tea","count":false}]}}', "basket.items.0.count: expected a number, got false"),
    ("Q77-true-in-a-map", order, '{"basket":{"items":[],"codes":{"a":true}}}', "basket.codes.a: expected a number, got true"),
    ("Q77-true-for-a-float", flags, '{"on":true,"ratio":true}', "ratio: expected a number, got true"),
    ("Q78-raw-newline", weather, '{"city":"Ro\nme"}', "the arguments are not valid JSON: control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0"),
    ("Q79-unknown", weather, '{"city":"Rome","ctx":1,"days":0}', "ctx: there is no such argument"),
    ("Q79-unknown-in-a-model", order, '{"basket":{"items":[]},"admin":true}', "admin: there is no such argument"),
    ("too-long", weather, '{"city":"' + "x" * 1024 * 1024 + '"}', "the arguments are longer than 1048576 characters"),
    ("several", weather, '{"days":"x","unit":1}', "city: is required\ndays: Input should be a valid integer, unable to parse string as an integer, got 'x'\nunit: 1 is not one of 'celsius', 'fahrenheit'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "text", "values", "repairs"), [row[1:] for row in ACCEPTED], ids=[r[0] for r in ACCEPTED]
)
def test_what_is_accepted(to: Tool[..., Any], text: str, values: dict[str, Any], repairs: tuple[str, ...]) -> None:
    arguments = to.validate(text)
    assert {name: arguments.values[name] for name in values} == values
    assert all(type(arguments.values[name]) is type(value) for name, value in values.items())
    assert arguments.repairs == repairs
    again = to.validate(arguments.json)
    assert (again.values, again.json, again.repairs) == (arguments.values, arguments.json, ())


@pytest.mark.parametrize(("to", "text", "told"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_goes_back_to_the_model(to: Tool[..., Any], text: str, told: str) -> None:
    with pytest.raises(ToolError) as raised:
        to.validate(text)
    assert str(raised.value).endswith(told)


def test_an_object_instead_of_text_is_taken_and_noted() -> None:
    arguments = weather.validate({"city": "Rome"})
    assert (arguments.json, arguments.repairs) == ('{"city":"Rome"}', ("an object instead of JSON text",))


def test_q76_a_key_that_stands_twice_is_refused_where_somebody_approves() -> None:
    text = '{"city":"Rome","city":"Oslo"}'
    assert weather.validate(text).values["city"] == "Oslo"
    with pytest.raises(ToolError, match="the key 'city' stands twice"):
        tool(weather.function, approval=True).validate(text)
    nested = '{"basket":{"items":[{"name":"tea","name":"gold"}]}}'
    with pytest.raises(ToolError, match="the key 'name' stands twice"):
        tool(order.function, approval=True).validate(nested)


def test_the_injected_context_cannot_be_sent() -> None:
    @tool
    def whose(ctx: Context[str], what: str) -> str:
        """Whose."""
        return ctx.deps

    with pytest.raises(ToolError, match="ctx: there is no such argument"):
        whose.validate('{"what":"x","ctx":{"deps":"admin"}}')


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["city", "days", "unit", "basket", "todos", "when", "size", "items", "name", "count", "codes", "on", "ratio"]
)


@given(st.sampled_from([weather, order, flags, now]), st.text(max_size=60) | JSON_VALUES.map(json.dumps))
def test_any_text_is_accepted_or_told_and_never_breaks(to: Tool[..., Any], text: str) -> None:
    try:
        arguments = to.validate(text)
    except ToolError:
        return
    assert to.validate(arguments.json).values == arguments.values


@given(st.dictionaries(NAMES, JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES, max_size=3), max_size=4))
def test_what_was_accepted_is_accepted_again_unchanged(data: dict[str, Any]) -> None:
    for to in (weather, order, flags):
        try:
            arguments = to.validate(json.dumps(data))
        except ToolError:
            continue
        again = to.validate(arguments.json)
        assert (again.values, again.json, again.repairs) == (arguments.values, arguments.json, ())


def test_own_patterns_are_linear_on_a_megabyte() -> None:
    begun = time.process_time()
    for text in ("`" * 1_000_000, "```\n" + " " * 1_000_000, "```json\n" * 100_000, "\n" * 1_000_000):
        with pytest.raises(ToolError):
            weather.validate(text)
    assert time.process_time() - begun < 5


def test_a_field_with_bounds_tells_the_bound() -> None:
    @tool
    def dial(level: int = Field(ge=1, le=10)) -> str:
        """Dial."""
        return "ok"

    with pytest.raises(ToolError, match="level: Input should be less than or equal to 10, got 11"):
        dial.validate('{"level":11}')
