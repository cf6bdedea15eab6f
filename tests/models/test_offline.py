"""OfflineModel: rules instead of a model, the whole protocol honoured, the same answer each time."""

from __future__ import annotations

import datetime
import json
import uuid
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter

from agentkit import Agent, ChatCompletion, OfflineModel, tool
from agentkit.chat import MESSAGES, ChatRequest, Json, PartialCompletion
from agentkit.models.filling import filled

pytestmark = pytest.mark.anyio


def function(name: str, about: str = "", required: tuple[str, ...] = (), **properties: Json) -> Json:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": about, "parameters": parameters}}


TEXT, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = function("get_weather", "The weather in a city.", ("city",), city=TEXT, unit=UNIT)
ORDER = function("find_order", "Look an order up.", ("order_id",), order_id=TEXT)
ADD = function("add", "Add two numbers.", ("a", "b"), a=NUMBER, b=INTEGER)
SEARCH = function("search_library", "Search the library for books.", ("query",), query=TEXT)
TOOLS = [WEATHER, ORDER, ADD, SEARCH]


async def answer(text: str, *more: Json, streamed: bool = False, **values: Any) -> ChatCompletion:
    messages = MESSAGES.validate_python([{"role": "user", "content": text}, *more])
    request = ChatRequest(model="offline", messages=messages, **values)

    async def on_chunk(chunk: Json, partial: PartialCompletion) -> None:
        pass

    return await OfflineModel().complete(request, on_chunk if streamed else None)


def calls(completion: ChatCompletion) -> list[tuple[str, Json]]:
    return [(call.name, json.loads(call.text)) for call in completion.choices[0].message.calls]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "What is the weather in Boston and Paris?",
            [("get_weather", {"city": "Boston"}), ("get_weather", {"city": "Paris"})],
            id="two-names-two-calls",
        ),
        pytest.param(
            "weather in São Paulo on Monday, please", [("get_weather", {"city": "São Paulo"})], id="a-day-is-no-place"
        ),
        pytest.param(
            "Weather in Oslo, in Fahrenheit?", [("get_weather", {"city": "Oslo", "unit": "fahrenheit"})], id="an-enum"
        ),
        pytest.param("Where is my order 4711?", [("find_order", {"order_id": "4711"})], id="an-id"),
        pytest.param("Add a 2.5 and b 40", [("add", {"a": 2.5, "b": 40})], id="numbers-by-name"),
        pytest.param('Search "sea of ink" for me', [("search_library", {"query": "sea of ink"})], id="quoted"),
        pytest.param("Good morning!", [], id="nothing-fits"),
    ],
)
async def test_tools_and_their_arguments_come_out_of_the_text(text: str, expected: list[tuple[str, Json]]) -> None:
    completion = await answer(text, tools=TOOLS)
    assert calls(completion) == expected
    assert completion.choices[0].finish_reason == ("tool_calls" if expected else "stop")
    ids = [call.id for call in completion.choices[0].message.calls]
    assert len(set(ids)) == len(expected)


@pytest.mark.parametrize(
    ("choice", "text", "called"),
    [
        ("none", "the weather in Oslo", []),
        ("auto", "Good morning!", []),
        ("required", "Good morning!", ["get_weather"]),
        ({"type": "function", "function": {"name": "add"}}, "the weather in Oslo", ["add"]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [ADD]}}, "the weather in Oslo", []),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [ADD]}}, "the weather", ["add"]),
    ],
    ids=["none", "auto", "required", "named", "allowed-auto", "allowed-required"],
)
async def test_the_tool_choice_is_honoured(choice: Any, text: str, called: list[str]) -> None:
    assert [name for name, _ in calls(await answer(text, tools=TOOLS, tool_choice=choice))] == called


async def test_one_call_at_a_time_when_parallel_calls_are_off() -> None:
    text = "the weather in Boston and Paris"
    assert len(calls(await answer(text, tools=TOOLS, parallel_tool_calls=False))) == 1


async def test_the_answer_is_made_of_the_results_and_says_who_speaks() -> None:
    asked = await answer("the weather in Oslo", tools=TOOLS)
    message = asked.choices[0].message.to_json()
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "4 °C, snow"}
    told = await answer("the weather in Oslo", message, result, tools=TOOLS)
    assert told.choices[0].message.text == "Here is what I found: get_weather says 4 °C, snow."
    plain = (await answer("Good morning!", {"role": "system", "content": "Be kind."})).choices[0].message.text
    assert "offline model" in plain
    assert "cannot follow instructions" in plain


async def test_a_whole_run_needs_no_endpoint() -> None:
    asked: list[str] = []

    @tool
    def get_weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return f"{city}: sunny"

    result = await Agent("offline", tools=[get_weather]).run("What is the weather in Boston and Paris?")
    assert sorted(asked) == ["Boston", "Paris"]
    assert "Boston: sunny" in result.output
    assert "Paris: sunny" in result.output


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    name: str
    amount: float
    color: Color
    tags: list[str] = []


class Node(BaseModel):
    name: str
    children: list[Node]
    parent: Node | None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(gt=3, lt=10)


class Dog(BaseModel):
    kind: Literal["dog"]
    born: datetime.date


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


SAID = 'The dog of Anna Smith was born 2021-05-04, has 42.5 kg and a "green toy" in blue; see abc-77'
TYPES: list[Any] = [
    Line,
    list[Line],
    Node,
    Pet,
    dict[str, Line],
    tuple[int, str, bool],
    list[Color],
    Literal["green", "blue"],
    Annotated[list[str], Field(min_length=3, max_length=3)],
    Annotated[set[int], Field(min_length=4)],
    Annotated[int, Field(multiple_of=7, ge=10)],
    Annotated[int, Field(gt=5, lt=7)],
    Annotated[float, Field(gt=0, lt=0.5)],
    Annotated[str, Field(min_length=5, max_length=6)],
    datetime.datetime,
    datetime.timedelta,
    uuid.UUID,
    int | None,
    None,
]


@pytest.mark.parametrize("text", [SAID, "nothing of use", ""], ids=["said", "not-said", "empty"])
@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_a_schema_is_filled_validly(type_: Any, text: str) -> None:
    adapter = TypeAdapter(type_)
    schema = adapter.json_schema()
    value = filled(schema, text)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(value)] == []
    adapter.validate_json(json.dumps(value))


def test_what_a_pattern_wants_is_found_in_the_text() -> None:
    assert filled({"type": "string", "pattern": r"^[a-z]{3}-\d+$"}, SAID) == "abc-77"


async def test_the_values_of_a_schema_are_those_of_the_text() -> None:
    agent = Agent("offline", output=Line)
    line = (await agent.run('A "green toy" in blue, amount 42.5')).output
    assert line == Line(name="green toy", amount=42.5, color=Color.BLUE, tags=["green toy"])
    pet = (await Agent("offline", output=Pet).run(SAID)).output.pet
    assert pet == Dog(kind="dog", born=datetime.date(2021, 5, 4))
    assert (await Agent("offline", output=list[str]).run("I saw Oslo and Rome")).output == ["Oslo", "Rome"]


async def test_json_mode_gives_an_object() -> None:
    completion = await answer("Oslo, as JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(completion.choices[0].message.text), dict)


@pytest.mark.parametrize(
    ("values", "text", "reason"),
    [
        ({}, "I am the offline model. You said: one two I have no tools.", "stop"),
        ({"stop": " two"}, "I am the offline model. You said: one", "stop"),
        ({"stop": ("no such", "two", "one")}, "I am the offline model. You said: ", "stop"),
        ({"stop": "I am"}, "", "stop"),
        ({"max_completion_tokens": 3}, "I am the", "length"),
        ({"max_tokens": 3}, "I am the", "length"),
        ({"max_completion_tokens": 12}, "I am the offline model. You said: one two I have no", "length"),
        ({"max_completion_tokens": 13}, "I am the offline model. You said: one two I have no tools.", "stop"),
        ({"max_completion_tokens": 3, "stop": " am"}, "I", "stop"),
    ],
)
async def test_stop_and_token_limits_cut_the_text(values: Json, text: str, reason: str) -> None:
    completion = await answer("one two", **values)
    assert (completion.choices[0].message.text, completion.choices[0].finish_reason) == (text, reason)
    assert completion.usage is not None
    assert completion.usage.completion_tokens == len(text.split(" ") if text else [])


async def test_logprobs_spell_the_text() -> None:
    completion = await answer("hi", logprobs=True, top_logprobs=3)
    choice = completion.choices[0]
    assert choice.logprobs is not None
    rows = choice.logprobs.content or ()
    assert "".join(row.token for row in rows) == choice.message.text
    assert all(bytes(row.bytes or ()).decode() == row.token for row in rows)
    assert all(row.logprob < 0 and len(row.top_logprobs) == 3 for row in rows)
    assert (await answer("hi")).choices[0].logprobs is None


async def test_the_words_of_a_call_that_was_made_ask_for_no_other_one() -> None:
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}
        for name in ("look_up_order", "refund_order")
    ]
    asked = await answer("Look up the order.", tools=tools)
    assert [call.name for call in asked.message.calls] == ["look_up_order"]
    history = [
        {"role": "user", "content": "Look up the order."},
        asked.message.to_json(),
        {"role": "tool", "tool_call_id": asked.message.calls[0].id, "content": "shipped"},
    ]
    request = ChatRequest(model="offline", messages=MESSAGES.validate_python(history), tools=tools)
    assert (await OfflineModel().complete(request)).message.calls == ()


async def test_names_inside_quotes_are_one_value() -> None:
    street = {"type": "object", "properties": {"address": {"type": "string"}}, "required": ["address"]}
    tools = [{"type": "function", "function": {"name": "change_address", "parameters": street}}]
    asked = await answer('Change the address to "Flat 3, 40 Long Lane".', tools=tools)
    assert [call.text for call in asked.message.calls] == ['{"address": "Flat 3, 40 Long Lane"}']
    both = await answer('Change the address to "Mill Lane 1" and "Park Road 2".', tools=tools)
    assert [call.text for call in both.message.calls] == ['{"address": "Mill Lane 1"}', '{"address": "Park Road 2"}']


async def test_n_choices_are_all_paid_for() -> None:
    one, three = [await answer("hi", n=n) for n in (1, 3)]
    assert [choice.index for choice in three.choices] == [0, 1, 2]
    assert one.usage is not None
    assert three.usage is not None
    assert three.usage.completion_tokens == 3 * (one.usage.completion_tokens or 0) > 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"n": 2},
        {"tools": TOOLS},
        {"tools": TOOLS, "n": 2},
        {"logprobs": True, "top_logprobs": 2},
        {"max_completion_tokens": 2},
        {"stop": "I am"},
        {"response_format": {"type": "json_object"}},
    ],
    ids=["text", "choices", "calls", "calls-of-choices", "logprobs", "length", "nothing", "json"],
)
async def test_a_streamed_answer_adds_up_to_the_whole_one_and_is_always_the_same(values: Json) -> None:
    text = "the weather in Boston and Paris"
    whole = await answer(text, **values)
    assert (await answer(text, streamed=True, **values)).to_json() == whole.to_json()
    assert (await answer(text, **values)).to_json() == whole.to_json()


async def test_a_streamed_text_comes_in_pieces() -> None:
    seen: list[str] = []

    async def on_chunk(chunk: Json, partial: PartialCompletion) -> None:
        seen.extend(choice["delta"].get("content") or "" for choice in chunk["choices"])

    request = ChatRequest(model="offline", messages=MESSAGES.validate_python([{"role": "user", "content": "hello"}]))
    completion = await OfflineModel().complete(request, on_chunk)
    assert "".join(seen) == completion.choices[0].message.text
    assert len([piece for piece in seen if piece]) > 5
