"""The parameter rows of the API page: each with what it takes, what it refuses, and its remarks."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from agentkit import ChatRequest, ConfigurationError, Settings
from agentkit.chat import FunctionDefinition, FunctionTool, JsonSchema, JsonSchemaFormat, StreamOptions, UserMessage

from .bodies import REQUEST, TOOL, USER, Json, Row, check_refused, check_taken, choosing, parameters, said, with_
from .page import parameter_rows

SAID = (UserMessage(content="Hello!"),)
LONGEST = "a-Z_9" + "x" * 59
NAME = "String should match pattern '^[A-Za-z0-9_-]{1,64}$'"
NAMED: Json = {"type": "function", "function": {"name": "f"}}
BAD_NAMES = ("", "x" * 65, "a b", "a.b", "größe", "ab\n")


def schema_format(**fields: Any) -> Json:
    schema = {"name": "answer", "schema": {"type": "object"}, **fields}
    return with_(response_format={"type": "json_schema", "json_schema": schema})


def offering(**fields: Any) -> Json:
    return with_(tools=[{"type": "function", "function": {"name": "f", **fields}}])


def tools(count: int) -> list[Json]:
    return [{"type": "function", "function": {"name": f"f{n}"}} for n in range(count)]


def between(name: str, low: float, high: float) -> Row:
    """A number with its range, both ends included."""
    taken = [with_(**{name: value}) for value in (low, low + 0.01, (low + high) / 2, high)]
    below, above = f"{name}: Input should be greater than or equal to {low}", f"{name}: Input should be less than or equal to {high}"  # fmt: skip
    wrong = [
        (with_(**{name: value}), f"{name}: Input should be a valid number, not {value!r}") for value in ("1", True)
    ]
    beyond = [(with_(**{name: float("inf")}), above), (with_(**{name: float("nan")}), name)]
    return taken, [(with_(**{name: low - 0.1}), f"{below}, not {low - 0.1}"), (with_(**{name: high + 0.1}), f"{above}, not {high + 0.1}"), *beyond, *wrong]  # fmt: skip


def whole(name: str, *taken: int, refused: tuple[int, ...] = ()) -> Row:
    """A whole number."""
    wrong = [(with_(**{name: value}), f"{name}: Input should be a valid integer, not {value!r}") for value in (1.5, "1", True)]  # fmt: skip
    return [with_(**{name: value}) for value in taken], [*wrong, *((with_(**{name: v}), f", not {v}") for v in refused)]


def switch(name: str, **beside: Any) -> Row:
    """True or false, and nothing that could be read as one of them."""
    wrong = [(with_(**{name: value}, **beside), f"{name}: Input should be a valid boolean, not {value!r}") for value in (1, "yes")]  # fmt: skip
    return [with_(**{name: value}, **beside) for value in (True, False)], wrong


def option(name: str) -> Row:
    taken = [with_(stream=True, stream_options={name: value}) for value in (True, False)]
    return taken, [(with_(stream=True, stream_options={name: "x"}), f"stream_options.{name}: Input should be a valid boolean, not 'x'")]  # fmt: skip


SCHEMA_ROW = "response_format.json_schema"
CHOICE_ROW = "tool_choice.named"
TOOL_ROW = "tools.function_tool"
ROWS: dict[str, Row] = {
    "model": ([with_(model="gpt-4o"), with_(model="o3")], [({"messages": [USER]}, "model: Field required"), (with_(model=None), "model: Input should be a valid string, not None")]),
    "frequency_penalty": between("frequency_penalty", -2, 2),
    "presence_penalty": between("presence_penalty", -2, 2),
    "temperature": between("temperature", 0, 2),
    "top_p": between("top_p", 0, 1),
    "logit_bias": (
        [with_(logit_bias={"50256": -100, "7": 100, "0": -1}), with_(logit_bias={})],
        [(with_(logit_bias={"7": 101}), "logit_bias.7: Input should be less than or equal to 100, not 101"), (with_(logit_bias={"7": -100.5}), "equal to -100, not -100.5"),
         *((with_(logit_bias={key: 1}), f"logit_bias: {key!r} is not a token id") for key in ("word", "-1", "1.0", "٣", ""))],
    ),
    "max_completion_tokens": whole("max_completion_tokens", 1, 1_000_000, refused=(0, -1)),
    "n": whole("n", 1, 128, refused=(0, 129)),
    "seed": whole("seed", 0, 7, -7, 2**62),
    "parallel_tool_calls": (switch("parallel_tool_calls", tools=[TOOL])[0], [(with_(parallel_tool_calls=True), "parallel_tool_calls is only allowed with tools"), *switch("parallel_tool_calls", tools=[TOOL])[1]]),
    "response_format": ([schema_format(), with_(response_format={"type": "text"})], [(with_(response_format="json"), "response_format"), (with_(response_format={}), "response_format")]),
    "response_format.text": ([with_(response_format={"type": "text"})], []),
    "response_format.text.type": ([with_(response_format={"type": "text"})], [(with_(response_format={"type": "txt"}), "tag 'txt'")]),
    SCHEMA_ROW: ([schema_format()], [(with_(response_format={"type": "json_schema"}), "json_schema: Field required")]),
    f"{SCHEMA_ROW}.json_schema": ([schema_format()], [(with_(response_format={"type": "json_schema", "json_schema": 1}), "json_schema")]),
    f"{SCHEMA_ROW}.json_schema.name": ([schema_format(name=LONGEST)], [(with_(response_format={"type": "json_schema", "json_schema": {}}), "name: Field required"), *((schema_format(name=name), f"json_schema.name: {NAME}") for name in BAD_NAMES)]),
    f"{SCHEMA_ROW}.json_schema.description": ([schema_format(description="why")], [(schema_format(description=1), "description: Input should be a valid string, not 1")]),
    f"{SCHEMA_ROW}.json_schema.schema": ([schema_format(schema={"type": "object", "properties": {}})], [(schema_format(schema="x"), "schema: Input should be a valid dictionary, not 'x'")]),
    f"{SCHEMA_ROW}.json_schema.strict": ([schema_format(strict=value) for value in (True, False, None)], [(schema_format(strict="x"), "strict: Input should be a valid boolean, not 'x'")]),
    f"{SCHEMA_ROW}.type": ([schema_format()], [(with_(response_format={**schema_format()["response_format"], "type": "schema"}), "tag 'schema'")]),
    "response_format.json_object": ([with_(response_format={"type": "json_object"})], []),
    "response_format.json_object.type": ([with_(response_format={"type": "json_object"})], [(with_(response_format={"type": "object"}), "tag 'object'")]),
    "stop": ([with_(stop="END"), with_(stop=["a"]), with_(stop=["a", "b", "c", "d"])], [(with_(stop=list("abcde")), "stop: Tuple should have at most 4 items"), (with_(stop=[]), "stop: Tuple should have at least 1 item"), (with_(stop=7), "stop: Input should be a valid string, not 7"), (with_(stop=["a", 7]), "stop.1: Input should be a valid string, not 7")]),
    "store": switch("store"),
    "stream": switch("stream"),
    "stream_options": ([with_(stream=True, stream_options={})], [(with_(stream_options={"include_usage": True}), "stream_options is only allowed with stream=True"), (with_(stream=False, stream_options={}), "stream_options is only allowed with stream=True")]),
    "stream_options.include_obfuscation": option("include_obfuscation"),
    "stream_options.include_usage": option("include_usage"),
    "tool_choice": ([choosing("auto"), choosing("required"), with_(tool_choice="none")], [(with_(tool_choice=choice), "tool_choice is only allowed with tools") for choice in ("auto", "required", NAMED)]),
    "tool_choice.mode": ([choosing(mode) for mode in ("none", "auto", "required")], [(choosing("any"), "tool_choice: Input should be 'none', 'auto' or 'required', not 'any'")]),
    CHOICE_ROW: ([choosing(NAMED)], [(choosing({**NAMED, "function": {"name": "g"}}), "tool_choice names 'g', which is not offered; offered: f")]),
    f"{CHOICE_ROW}.function": ([choosing(NAMED)], [(choosing({"type": "function"}), "function: Field required"), (choosing({"type": "function", "function": "f"}), "function")]),
    f"{CHOICE_ROW}.function.name": ([choosing(NAMED)], [(choosing({"type": "function", "function": {}}), "name: Field required")]),
    f"{CHOICE_ROW}.type": ([choosing(NAMED)], [(choosing({**NAMED, "type": "object"}), "tag 'object'")]),
    "tools": (
        [with_(tools=[TOOL]), with_(tools=tools(128))],
        [(with_(tools=tools(129)), "tools: Tuple should have at most 128 items after validation, not 129"), (with_(tools=[]), "tools: Tuple should have at least 1 item"), (with_(tools=[TOOL, TOOL]), "two tools are named 'f'")],
    ),
    TOOL_ROW: ([with_(tools=[TOOL])], [(with_(tools=["f"]), "tools.0")]),
    f"{TOOL_ROW}.function": ([offering()], [(with_(tools=[{"type": "function"}]), "function: Field required")]),
    f"{TOOL_ROW}.function.name": ([offering(name=LONGEST)], [(with_(tools=[{"type": "function", "function": {}}]), "name: Field required"), *((offering(name=name), f"function.name: {NAME}") for name in BAD_NAMES)]),
    f"{TOOL_ROW}.function.description": ([offering(description="why")], [(offering(description=1), "description: Input should be a valid string, not 1")]),
    f"{TOOL_ROW}.function.parameters": ([offering(), offering(parameters={}), offering(parameters={"type": "object", "properties": {}})], [(offering(parameters="x"), "parameters: Input should be a valid dictionary, not 'x'")]),
    f"{TOOL_ROW}.function.strict": ([offering(strict=value) for value in (True, False, None)], [(offering(strict="x"), "strict: Input should be a valid boolean, not 'x'")]),
    f"{TOOL_ROW}.type": ([with_(tools=[TOOL])], [(with_(tools=[{**TOOL, "type": "tool"}]), "tag 'tool'")]),
}  # fmt: skip
TOP = [path for path in ROWS if "." not in path and path != "model"]
# Beside the page's rows: its log probability example, and what it calls deprecated.
BESIDE: dict[str, Row] = {
    "logprobs": (switch("logprobs")[0], [*switch("logprobs")[1]]),
    "top_logprobs": (
        [with_(logprobs=True, top_logprobs=value) for value in (0, 2, 20)],
        [(with_(logprobs=True, top_logprobs=21), "top_logprobs: Input should be less than or equal to 20, not 21"), (with_(logprobs=True, top_logprobs=-1), "not -1"),
         (with_(top_logprobs=2), "top_logprobs is only allowed with logprobs=True"), (with_(logprobs=False, top_logprobs=2), "top_logprobs is only allowed with logprobs=True")],
    ),
    "functions": ([with_(functions=[{"name": "f", "description": "why", "parameters": {"type": "object"}}])], [(with_(functions=[]), "functions: Tuple should have at least 1 item"), (with_(functions=[{}]), "functions.0.name: Field required"), (with_(functions=[{"name": "f"}] * 129), "at most 128")]),
    "function_call": ([with_(functions=[{"name": "f"}], function_call=call) for call in ("none", "auto", {"name": "f"})], [(with_(functions=[{"name": "f"}], function_call="f"), "function_call: Input should be 'none' or 'auto', not 'f'")]),
}  # fmt: skip


def test_every_parameter_row_of_the_page_is_here_and_nothing_else() -> None:
    assert sorted(ROWS) == sorted(row.path for row in parameter_rows() if not row.path.startswith("messages"))
    assert all(taken for taken, _ in ROWS.values())


@pytest.mark.parametrize("body", parameters({**ROWS, **BESIDE}, 0))
def test_what_a_parameter_row_takes_is_kept_and_sent_as_given(body: Json) -> None:
    check_taken(body)


@pytest.mark.parametrize(("body", "words"), parameters({**ROWS, **BESIDE}, 1))
def test_what_a_parameter_row_refuses_is_told_by_field_and_value(body: Json, words: str) -> None:
    check_refused(body, words)


@pytest.mark.parametrize("name", [*TOP, *BESIDE])
def test_null_is_taken_and_never_sent(name: str) -> None:
    assert json.loads(ChatRequest(**with_(**{name: None})).body()) == said(USER)


def test_none_inside_a_parameter_is_sent_only_where_the_page_takes_null() -> None:
    definition = FunctionDefinition(name="f", description=None, parameters=None, strict=None)
    schema = JsonSchema(name="a", description=None, schema=None, strict=None)
    options = StreamOptions(include_usage=None, include_obfuscation=None)
    request = ChatRequest(model="m", messages=SAID, tools=[FunctionTool(function=definition)], response_format=JsonSchemaFormat(json_schema=schema), stream=True, stream_options=options)  # fmt: skip
    sent = json.loads(request.body(stream=True))
    assert sent["tools"][0]["function"] == {"name": "f", "strict": None}
    assert sent["response_format"]["json_schema"] == {"name": "a", "strict": None}
    assert sent["stream_options"] == {"include_usage": True}
    assert [error.message for error in REQUEST.iter_errors(sent)] == []


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() & ROWS.keys()))
def test_settings_take_and_refuse_the_same_values(name: str) -> None:
    taken, refused = ROWS[name]
    for body in taken:
        given = {name: body[name]}
        assert Settings(**given).to_json() == given
    alone = [(body[name], words) for body, words in refused if "only allowed with" not in words and name in body]
    for value, words in alone:
        with pytest.raises(ConfigurationError, match="^Settings") as raised:
            Settings(**{name: value})
        assert words in str(raised.value)


def test_whole_biases_stay_whole_for_servers_that_take_no_others() -> None:
    sent = ChatRequest(**with_(logit_bias={"7": -100, "8": 0.5})).body()
    assert b'"logit_bias":{"7":-100,"8":0.5}' in sent


def test_a_schema_under_the_type_that_the_page_prints_is_sent_under_its_own() -> None:
    printed = {"type": "json_object", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}
    wanted = {**printed, "type": "json_schema"}
    assert json.loads(ChatRequest(**with_(response_format=printed)).body())["response_format"] == wanted
    assert json.loads(ChatRequest.of("m", SAID, settings=Settings(response_format=printed)).body())["response_format"] == wanted  # fmt: skip
    assert printed["type"] == "json_object"


def test_images_over_10_mb_warn_when_the_answer_is_stored_and_are_sent_all_the_same() -> None:
    def asked(size: int, store: bool | None, head: str = "data:image/png;base64,") -> ChatRequest:
        part = {"type": "image_url", "image_url": {"url": head + "A" * (size * 4 // 3)}}
        return ChatRequest(model="m", messages=[{"role": "user", "content": [part]}], store=store)

    large = 10 * 1024 * 1024 + 3000
    with pytest.warns(UserWarning, match="store=True drops images over 10 MB") as told:
        request = asked(large, True)
    assert len(told) == 1
    assert len(request.body()) > large
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked(large, None)
        asked(large, False)
        asked(large, True, head="https://example.com/")
        asked(10 * 1024 * 1024 - 3000, True)


def test_a_stream_asks_for_usage_and_stream_options_are_sent_in_streams_alone() -> None:
    quiet = ChatRequest.of("m", SAID, settings=Settings(stream_options={"include_obfuscation": False}))
    wanted = {"include_usage": True, "include_obfuscation": False}
    assert json.loads(quiet.body(stream=True))["stream_options"] == wanted
    assert not {"stream", "stream_options"} & json.loads(quiet.body(stream=False)).keys()
    plain = json.loads(ChatRequest.of("m", SAID).body(stream=True))
    assert (plain["stream"], plain["stream_options"]) == (True, {"include_usage": True})
    unwanted = ChatRequest.of("m", SAID, settings=Settings(stream_options={"include_usage": False}))
    assert json.loads(unwanted.body(stream=True))["stream_options"] == {"include_usage": False}


@pytest.mark.parametrize("words", ["all of their tokens are billed", "seed (deprecated)", "system_fingerprint", "set one of them, not both", "o3 and o4-mini do not take it", "images over 10 MB"])  # fmt: skip
def test_the_remarks_that_no_check_can_hold_are_in_the_docstring(words: str) -> None:
    assert words in " ".join((Settings.__base__.__doc__ or "").split())
