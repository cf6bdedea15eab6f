"""What signatures and docstrings become on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, HttpUrl
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from agentkit import ConfigurationError, Context, tool
from agentkit.chat import ChatRequest, UserMessage
from tests.loopback import REQUEST


class Size(Enum):
    """Sizes."""

    small = "s"
    large = "l"


class Level(IntEnum):
    """Levels."""

    low = 1
    high = 2


@dataclass
class Address:
    """Where."""

    street: str
    zip: str = "00000"


class Query(TypedDict):
    """What is searched."""

    text: str
    top: NotRequired[int]


class Node(BaseModel):
    """A tree."""

    name: str
    children: list[Node] = Field(default_factory=list)


class Cat(BaseModel):
    """A cat."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """A dog."""

    kind: Literal["dog"]
    tricks: list[str]


def every(
    text: str,
    number: float,
    flag: bool,
    size: Size,
    level: Level,
    unit: Literal["c", "f"],
    address: Address,
    node: Node,
    either: int | str,
    nothing: str | None,
    pet: Annotated[Cat | Dog, Field(discriminator="kind")],
    day: date,
    moment: datetime,
    span: timedelta,
    price: Decimal,
    key: UUID,
    link: HttpUrl,
    names: list[str],
    pair: tuple[int, str],
    unique: set[int],
    scores: dict[str, int],
    query: Query,
    anything: Any,
    bounded: Annotated[int, Field(ge=1, le=9, description="From 1 to 9")] = 5,
    pattern: str = Field("a", pattern="^a+$"),
    *,
    later: bool = False,
) -> str:
    """Everything."""
    return "ok"


def parameters(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    made = tool(function, **options)
    Draft202012Validator.check_schema(made.parameters)
    request = ChatRequest.of("m", (UserMessage(content="x"),), (made.definition,))
    assert [error.message for error in REQUEST.iter_errors(json.loads(request.body()))] == []
    return made.parameters


def test_every_type_of_a_signature_has_its_schema() -> None:
    schema = parameters(every)
    properties = schema["properties"]
    assert list(properties)[:3] == ["text", "number", "flag"]
    assert [properties[name]["type"] for name in ("text", "number", "flag")] == ["string", "number", "boolean"]
    assert schema["$defs"]["Size"]["enum"] == ["s", "l"]
    assert schema["$defs"]["Level"]["enum"] == [1, 2]
    assert properties["unit"]["enum"] == ["c", "f"]
    assert schema["$defs"]["Address"]["required"] == ["street"]
    assert schema["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert [sub["type"] for sub in properties["either"]["anyOf"]] == ["integer", "string"]
    assert [sub["type"] for sub in properties["nothing"]["anyOf"]] == ["string", "null"]
    assert [sub["$ref"] for sub in properties["pet"]["oneOf"]] == ["#/$defs/Cat", "#/$defs/Dog"]
    assert (properties["day"]["format"], properties["key"]["format"], properties["link"]["format"]) == (
        "date",
        "uuid",
        "uri",
    )
    assert properties["names"]["items"] == {"type": "string"}
    assert [sub["type"] for sub in properties["pair"]["prefixItems"]] == ["integer", "string"]
    assert properties["scores"]["additionalProperties"] == {"type": "integer"}
    assert schema["$defs"]["Query"]["required"] == ["text"]
    assert (properties["bounded"]["minimum"], properties["bounded"]["maximum"], properties["bounded"]["default"]) == (
        1,
        9,
        5,
    )
    assert properties["pattern"]["pattern"] == "^a+$"
    assert "later" in properties
    assert set(schema["required"]) == set(properties) - {"bounded", "pattern", "later"}
    assert schema["additionalProperties"] is False
    assert "title" not in json.dumps(schema)


def test_values_of_every_type_reach_the_function() -> None:
    made = tool(every)
    arguments = made.validate(
        json.dumps(
            {
                "text": "t", "number": 1.5, "flag": True, "size": "s", "level": 2, "unit": "c", "address": {"street": "x"},
                "node": {"name": "a", "children": [{"name": "b"}]}, "either": "7", "nothing": None,
                "pet": {"kind": "dog", "tricks": []}, "day": "2026-01-02", "moment": "2026-01-02T03:04:05Z", "span": "P1D",
                "price": "1.50", "key": "12345678-1234-5678-1234-567812345678", "link": "https://example.com/", "names": ["a"],
                "pair": [1, "b"], "unique": [1, 2], "scores": {"a": 1}, "query": {"text": "q"}, "anything": [None], "pattern": "aa",
            }
        )
    )  # fmt: skip
    values = arguments.values
    assert values["size"] is Size.small
    assert values["level"] is Level.high
    assert values["address"] == Address("x")
    assert values["node"] == Node(name="a", children=[Node(name="b")])
    assert values["pet"] == Dog(kind="dog", tricks=[])
    assert (values["day"], values["span"], values["price"]) == (date(2026, 1, 2), timedelta(days=1), Decimal("1.50"))
    assert (values["pair"], values["unique"], values["bounded"], values["later"]) == ((1, "b"), {1, 2}, 5, False)
    assert made(**values) == "ok"


def google(city: str, days: int = 1) -> str:
    """Forecast of a city.

    More about it.

    Args:
        city: City and state.
        days: How many days,
            at most ten.

    Returns:
        A text.
    """
    return city


def numpy(city: str, days: int = 1) -> str:
    """Forecast of a city.

    More about it.

    Parameters
    ----------
    city : str
        City and state.
    days : int
        How many days,
        at most ten.
    """
    return city


def rest(city: str, days: int = 1) -> str:
    """Forecast of a city.

    More about it.

    :param city: City and state.
    :param days: How many days,
        at most ten.
    :returns: A text.
    """
    return city


def epydoc(city: str, days: int = 1) -> str:
    """Forecast of a city.

    More about it.

    @param city: City and state.
    @param days: How many days,
        at most ten.
    """
    return city


@pytest.mark.parametrize("function", [google, numpy, rest, epydoc])
def test_docstrings_of_all_styles_describe_the_tool_and_its_parameters(function: Callable[..., Any]) -> None:
    made = tool(function)
    properties = made.parameters["properties"]
    assert made.description == "Forecast of a city.\n\nMore about it."
    assert properties["city"]["description"] == "City and state."
    assert " ".join(properties["days"]["description"].split()) == "How many days, at most ten."


def test_a_field_wins_over_the_docstring_and_a_description_over_both() -> None:
    def near(city: Annotated[str, Field(description="from the field")], to: str = Field("x", description="too")) -> str:
        """Docstring.

        Args:
            city: from the docstring
            to: from the docstring
        """
        return city

    properties = parameters(near)["properties"]
    assert (properties["city"]["description"], properties["to"]["description"]) == ("from the field", "too")
    assert tool(near, description="given").description == "given"


def test_further_keywords_of_a_type_are_checked() -> None:
    def tags(name: str, **more: int) -> str:
        """Tags."""
        return f"{name} {more}"

    schema = parameters(tags)
    assert schema["additionalProperties"] == {"type": "integer"}
    made = tool(tags)
    assert made.validate('{"name":"a","x":1}').values == {"name": "a", "x": 1}
    assert made.strict is False


def objects_in(node: Any) -> list[dict[str, Any]]:
    """All object schemas inside."""
    if isinstance(node, list):
        return [found for item in node for found in objects_in(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if node.get("type") == "object" and "properties" in node else []
    return own + [found for value in node.values() for found in objects_in(value)]


def test_the_strict_form_requires_every_key_everywhere_and_takes_null_for_a_default() -> None:
    def ask(
        address: Address, node: Node, level: int = 3, unit: Literal["c", "f"] = "c", note: str | None = None
    ) -> str:
        """Ask."""
        return "ok"

    made = tool(ask)
    assert made.strict is True
    assert made.schema["function"]["strict"] is True
    found = objects_in(made.parameters)
    assert len(found) == 3
    for schema in found:
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    assert "default" not in json.dumps(made.parameters)
    assert made.parameters["properties"]["level"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    values = made.validate(
        '{"address":{"street":"x","zip":null},"node":{"name":"a","children":null},"level":null,"unit":null,"note":null}'
    ).values
    assert values == {"address": Address("x"), "node": Node(name="a"), "level": 3, "unit": "c", "note": None}
    assert tool(ask, strict=False).parameters["required"] == ["address", "node"]


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (dict[str, int], "x takes keys of any name"),
        (Any, "x accepts anything"),
        (tuple[int, str], "x uses prefixItems"),
        (set[int], "x uses uniqueItems"),
        (Annotated[Cat | Dog, Field(discriminator="kind")], "x uses oneOf"),
    ],
    ids=["map", "any", "tuple", "set", "discriminated"],
)
def test_what_cannot_be_strict_is_not_and_says_why_when_asked(hint: Any, reason: str) -> None:
    def take(x: Any) -> str:
        """Take."""
        return "ok"

    take.__annotations__["x"] = hint
    assert tool(take).strict is False
    with pytest.raises(ConfigurationError, match=rf"strict=True, but {reason}; use exact types, or strict=False"):
        tool(take, strict=True)


def test_two_parameters_share_what_a_recursive_type_refers_to() -> None:
    def compare(left: Node, right: Node, others: list[Node], address: Address | None = None) -> str:
        """Compare."""
        return "ok"

    schema = parameters(compare)
    assert set(schema["$defs"]) == {"Node", "Address"}
    assert schema["properties"]["left"] == schema["properties"]["right"] == {"$ref": "#/$defs/Node"}
    leaf = Node(name="a")
    values = tool(compare).validate('{"left":{"name":"a"},"right":{"name":"a"},"others":[{"name":"a"}]}').values
    assert values == {"left": leaf, "right": leaf, "others": [leaf], "address": None}


def test_unions_that_are_equal_keep_their_own_order() -> None:
    def one(x: int | str) -> str:
        """One."""
        return str(x)

    def other(x: str | int) -> str:
        """Other."""
        return str(x)

    kinds = [[sub["type"] for sub in parameters(take)["properties"]["x"]["anyOf"]] for take in (one, other)]
    assert kinds == [["integer", "string"], ["string", "integer"]]


def test_metadata_without_a_hash_is_no_obstacle() -> None:
    def take(x: Annotated[int, {"unit": "m"}, Field(ge=1)]) -> str:
        """Take."""
        return str(x)

    assert parameters(take)["properties"]["x"] == {"type": "integer", "minimum": 1}


def test_each_call_gets_a_default_of_its_own() -> None:
    def collect(a: list[int] = [], b: list[int] = Field(default_factory=list)) -> str:  # noqa: B006, B008
        """Collect."""
        return "ok"

    made = tool(collect)
    first, second = made.validate("{}").values, made.validate("{}").values
    assert first == second == {"a": [], "b": []}
    assert all(first[name] is not second[name] for name in "ab")


def test_the_context_is_absent_from_the_schema_wherever_it_stands() -> None:
    def first(ctx: Context[str], x: int) -> str:
        """First."""
        return ctx.deps

    def last(x: int, *, where: Context) -> str:  # type: ignore[type-arg]
        """Last."""
        return str(where.deps)

    for function in (first, last):
        assert list(parameters(function)["properties"]) == ["x"]


def positional(x: int, /) -> str:
    """No."""
    return str(x)


def several(*x: int) -> str:
    """No."""
    return str(x)


def unknown(x: NotDefined) -> str:  # type: ignore[name-defined]  # noqa: F821
    """No."""
    return str(x)


def function_taking(first: int, x: Callable[[int], int]) -> str:
    """No."""
    return str(x(first))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: tool(positional), "parameter 'x' is positional-only; models name their arguments: remove the '/'"),
        (lambda: tool(several), "parameter 'x' is *x; take a list instead: x: list[...]"),
        (
            lambda: tool(unknown),
            "an annotation cannot be read: name 'NotDefined' is not defined; define or import it above",
        ),
        (
            lambda: tool(function_taking),
            "parameter 'x': Cannot generate a JsonSchema for core_schema.CallableSchema; models",
        ),
        (lambda: tool(google, name="my tool"), "'my tool' is no tool name; names are 1 to 64 of A-Z a-z 0-9 _ -"),
        (lambda: tool(google, name="x" * 65), "is no tool name"),
    ],
    ids=["positional-only", "args", "undefined", "callable", "name", "long-name"],
)
def test_what_a_model_could_not_call_is_refused_at_decoration(make: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert told in str(raised.value)
    assert "test_schemas.py:" in str(raised.value)


def test_types_defined_beside_the_function_are_found() -> None:
    class Local(BaseModel):
        """Local."""

        x: int

    @tool
    def use(value: Local) -> str:
        """Use."""
        return str(value.x)

    assert use.parameters["$defs"]["Local"]["properties"]["x"]["type"] == "integer"


def test_a_hundred_and_twenty_eight_tools_fit_into_a_request_and_no_more() -> None:
    tools = [tool(google, name=f"tool_{n}").definition for n in range(129)]
    assert ChatRequest.of("m", (UserMessage(content="x"),), tools[:128])
    with pytest.raises(ConfigurationError, match="128"):
        ChatRequest.of("m", (UserMessage(content="x"),), tools)
