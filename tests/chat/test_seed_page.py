"""The API page, row by row: each of its parameter rows with what it takes and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentkit import ChatRequest, ConfigurationError

from .page import parameter_rows

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "chat-completions.schema.json").read_text())
REQUEST = Draft202012Validator({"$ref": "#/$defs/CreateChatCompletionRequest", "$defs": SCHEMA["$defs"]})

Json = dict[str, Any]
USER: Json = {"role": "user", "content": "Hello!"}
TEXT: Json = {"type": "text", "text": "Hello!"}
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL: Json = {"type": "function", "function": {"name": "f"}}
URL = "https://example.com/a.png"
DATA_URL = "data:image/png;base64,iVBORw0KGgo="
SIDES = {"Developer": "developer", "System": "system", "User": "user", "Assistant": "assistant", "Tool": "tool"}


def said(*messages: Json) -> Json:
    """A request of these messages."""
    return {"model": "gpt-5", "messages": list(messages)}


def with_(**fields: Any) -> Json:
    """A request with these parameters."""
    return {**said(USER), **fields}


def by(role: str, content: Any = "Hello!", **fields: Any) -> Json:
    """A request with a message of a role. A tool message follows its call."""
    if role == "tool":
        asked = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        return said(USER, asked, {"role": "tool", "content": content, "tool_call_id": "call_1", **fields})
    return said({"role": role, "content": content, **fields})


def image(**fields: Any) -> Json:
    return by("user", [{"type": "image_url", "image_url": {"url": URL, **fields}}])


def schema_format(**fields: Any) -> Json:
    return with_(
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": {"type": "object"}, **fields},
        }
    )


def offering(**fields: Any) -> Json:
    return with_(tools=[{"type": "function", "function": {"name": "f", **fields}}])


def choosing(choice: Any) -> Json:
    return with_(tools=[TOOL], tool_choice=choice)


Row = tuple[list[Json], list[tuple[Json, str]]]  # what it takes; what it refuses, and the words of the refusal


def between(name: str, low: float, high: float) -> Row:
    """A number with its range, both ends included."""
    outside = [(with_(**{name: low - 0.1}), name), (with_(**{name: high + 0.1}), name), (with_(**{name: "x"}), name)]
    return [with_(**{name: value}) for value in (low, (low + high) / 2, high)], outside


def _content_rows(title: str, role: str) -> Iterator[tuple[str, Row]]:
    """Rows that several roles share: text, or parts of text."""
    message = f"messages.{title} message"
    parts = f"{message}.content.Array of content parts"
    inner = parts if title == "Developer" else f"{parts}.Text content part"
    two = by(role, [TEXT, TEXT])
    yield message, ([by(role)], [(said({"content": "x"}), "role")])
    yield f"{message}.content", ([by(role), two], [(by(role, 7), "content")])
    yield f"{message}.content.Text content", ([by(role, ""), by(role, "x")], [])
    picture = {"type": "image_url", "image_url": {"url": URL}}
    only_text = [] if role == "user" else [(by(role, [picture]), "content")]
    yield parts, ([two], [(by(role, []), "content"), *only_text])
    if inner != parts:
        yield inner, ([by(role, [TEXT])], [])
    yield f"{inner}.text", ([by(role, [TEXT])], [(by(role, [{"type": "text"}]), "text")])
    yield f"{inner}.type", ([by(role, [TEXT])], [(by(role, [{"type": "txt", "text": "x"}]), "type")])
    yield f"{message}.role", ([by(role)], [(by(role.capitalize()), "role")])
    if role != "tool":
        yield f"{message}.name", ([by(role, name="alice")], [(by(role, name=7), "name")])


ROWS: dict[str, Row] = {path: row for title, role in SIDES.items() for path, row in _content_rows(title, role)}
USER_PARTS = "messages.User message.content.Array of content parts"
SAID = "messages.Assistant message"
PARTS = f"{SAID}.content.Array of content parts"
CALLED = f"{SAID}.tool_calls.Function tool call"
REFUSAL: Json = {"type": "refusal", "refusal": "no"}


def calling(**changes: Any) -> Json:
    return by("assistant", None, tool_calls=[{**CALL, **changes}])


def legacy(**fields: Any) -> Json:
    return by("assistant", None, function_call={"name": "f", "arguments": "{", **fields})


ROWS |= {
    "messages": ([said(USER), said(USER, USER)], [({"model": "m", "messages": []}, "messages"), ({"model": "m"}, "messages")]),
    f"{USER_PARTS}.Image content part": ([image(), by("user", [TEXT, *image()["messages"][0]["content"]])], []),
    f"{USER_PARTS}.Image content part.image_url": ([image()], [(by("user", [{"type": "image_url"}]), "image_url")]),
    f"{USER_PARTS}.Image content part.image_url.url": ([image(), image(url=DATA_URL)], [(image(url=None), "url")]),
    f"{USER_PARTS}.Image content part.image_url.detail": ([image(detail=d) for d in ("auto", "low", "high")], [(image(detail=3), "detail")]),
    f"{USER_PARTS}.Image content part.type": ([image()], [(by("user", [{"type": "image", "image_url": {"url": URL}}]), "type")]),
    f"{SAID}.audio": ([by("assistant", None, audio={"id": "audio_1"}), by("assistant", audio=None)], [(by("assistant", audio="x"), "audio")]),
    f"{SAID}.audio.id": ([by("assistant", None, audio={"id": "audio_1"})], [(by("assistant", audio={}), "id")]),
    f"{SAID}.content": (
        [by("assistant"), calling(), legacy(), by("assistant", None, refusal="no")],
        [(by("assistant", None), "content is required"), (by("assistant", None, tool_calls=[]), "content is required")],
    ),
    PARTS: (
        [by("assistant", [TEXT, TEXT]), by("assistant", [REFUSAL])],
        [(by("assistant", [TEXT, REFUSAL]), "exactly one refusal"), (by("assistant", [REFUSAL, REFUSAL]), "exactly one refusal"), (by("assistant", []), "content")],
    ),
    f"{PARTS}.Refusal content part": ([by("assistant", [REFUSAL])], [(by("user", [REFUSAL]), "content")]),
    f"{PARTS}.Refusal content part.refusal": ([by("assistant", [REFUSAL])], [(by("assistant", [{"type": "refusal"}]), "refusal")]),
    f"{PARTS}.Refusal content part.type": ([by("assistant", [REFUSAL])], [(by("assistant", [{**REFUSAL, "type": "no"}]), "type")]),
    f"{SAID}.function_call": ([legacy(), by("assistant", function_call=None)], [(legacy(name=None), "name")]),
    f"{SAID}.function_call.name": ([legacy()], [(by("assistant", None, function_call={"arguments": "{}"}), "name")]),
    f"{SAID}.function_call.arguments": ([legacy(arguments="not JSON")], [(legacy(arguments={}), "arguments")]),
    f"{SAID}.refusal": ([by("assistant", None, refusal="no"), by("assistant", refusal=None)], [(by("assistant", refusal=1), "refusal")]),
    f"{SAID}.tool_calls": ([calling()], [(by("assistant", None, tool_calls="x"), "tool_calls")]),
    CALLED: ([calling()], [(by("assistant", None, tool_calls=["x"]), "tool_calls")]),
    f"{CALLED}.function": ([calling()], [(calling(function=None), "function")]),
    f"{CALLED}.function.arguments": ([calling(function={"name": "f", "arguments": "not JSON"})], [(calling(function={"name": "f"}), "arguments")]),
    f"{CALLED}.function.name": ([calling()], [(calling(function={"arguments": "{}"}), "name")]),
    f"{CALLED}.id": ([calling(id="x")], [(calling(id=None), "id")]),
    f"{CALLED}.type": ([calling()], [(calling(type="tool"), "type")]),
    "messages.Tool message.tool_call_id": ([by("tool")], [(said(USER, {"role": "tool", "content": "x"}), "tool_call_id")]),
    "model": ([with_(model="o3")], [({"messages": [USER]}, "model"), (with_(model=None), "model")]),
    "frequency_penalty": between("frequency_penalty", -2, 2),
    "presence_penalty": between("presence_penalty", -2, 2),
    "temperature": between("temperature", 0, 2),
    "top_p": between("top_p", 0, 1),
    "logit_bias": (
        [with_(logit_bias={"50256": -100, "7": 100, "0": -1})],
        [(with_(logit_bias={"7": 101}), "logit_bias"), (with_(logit_bias={"7": -101}), "logit_bias"), (with_(logit_bias={"word": 1}), "is not a token id")],
    ),
    "max_completion_tokens": ([with_(max_completion_tokens=1)], [(with_(max_completion_tokens=0), "max_completion_tokens"), (with_(max_completion_tokens=1.5), "max_completion_tokens")]),
    "n": ([with_(n=1), with_(n=128)], [(with_(n=0), "n:"), (with_(n=129), "n:")]),
    "parallel_tool_calls": ([with_(tools=[TOOL], parallel_tool_calls=False)], [(with_(parallel_tool_calls=True), "parallel_tool_calls is only allowed with tools")]),
    "response_format": ([schema_format(), with_(response_format={"type": "text"})], [(with_(response_format="json"), "response_format")]),
    "response_format.Text": ([with_(response_format={"type": "text"})], []),
    "response_format.Text.type": ([with_(response_format={"type": "text"})], [(with_(response_format={"type": "txt"}), "type")]),
    "response_format.JSON schema": ([schema_format()], [(with_(response_format={"type": "json_schema"}), "json_schema")]),
    "response_format.JSON schema.json_schema": ([schema_format()], [(with_(response_format={"type": "json_schema", "json_schema": 1}), "json_schema")]),
    "response_format.JSON schema.json_schema.name": ([schema_format(name="a-Z_9" + "x" * 59)], [(schema_format(name="x" * 65), "name"), (schema_format(name="a b"), "name"), (schema_format(name=""), "name")]),
    "response_format.JSON schema.json_schema.description": ([schema_format(description="why")], [(schema_format(description=1), "description")]),
    "response_format.JSON schema.json_schema.schema": ([schema_format(schema={"type": "object", "properties": {}})], [(schema_format(schema="x"), "schema")]),
    "response_format.JSON schema.json_schema.strict": ([schema_format(strict=True), schema_format(strict=None)], [(schema_format(strict="x"), "strict")]),
    "response_format.JSON schema.type": ([schema_format()], [(with_(response_format={**schema_format()["response_format"], "type": "schema"}), "type")]),
    "response_format.JSON object": ([with_(response_format={"type": "json_object"})], []),
    "response_format.JSON object.type": ([with_(response_format={"type": "json_object"})], [(with_(response_format={"type": "object"}), "type")]),
    "seed": ([with_(seed=7), with_(seed=-7)], [(with_(seed=1.5), "seed")]),
    "stop": ([with_(stop="END"), with_(stop=["a", "b", "c", "d"])], [(with_(stop=["a", "b", "c", "d", "e"]), "stop"), (with_(stop=7), "stop")]),
    "store": ([with_(store=True)], [(with_(store="x"), "store")]),
    "stream": ([with_(stream=True), with_(stream=False)], [(with_(stream="x"), "stream")]),
    "stream_options": ([with_(stream=True, stream_options={})], [(with_(stream_options={"include_usage": True}), "stream_options is only allowed with stream=True")]),
    "stream_options.include_obfuscation": ([with_(stream=True, stream_options={"include_obfuscation": False})], [(with_(stream=True, stream_options={"include_obfuscation": "x"}), "include_obfuscation")]),
    "stream_options.include_usage": ([with_(stream=True, stream_options={"include_usage": True})], [(with_(stream=True, stream_options={"include_usage": "x"}), "include_usage")]),
    "tool_choice": ([choosing("auto"), choosing("required"), with_(tool_choice="none")], [(with_(tool_choice="auto"), "tool_choice is only allowed with tools"), (choosing("any"), "tool_choice")]),
    "tool_choice.Tool choice mode": ([choosing(mode) for mode in ("none", "auto", "required")], []),
    "tool_choice.Function tool choice": ([choosing({"type": "function", "function": {"name": "f"}})], [(choosing({"type": "function", "function": {"name": "g"}}), "names 'g', which is not offered; offered: f")]),
    "tool_choice.Function tool choice.function": ([choosing({"type": "function", "function": {"name": "f"}})], [(choosing({"type": "function"}), "function")]),
    "tool_choice.Function tool choice.function.name": ([choosing({"type": "function", "function": {"name": "f"}})], [(choosing({"type": "function", "function": {}}), "name")]),
    "tool_choice.Function tool choice.type": ([choosing({"type": "function", "function": {"name": "f"}})], [(choosing({"type": "object", "function": {"name": "f"}}), "type")]),
    "tools": (
        [with_(tools=[TOOL]), with_(tools=[{"type": "function", "function": {"name": f"f{n}"}} for n in range(128)])],
        [(with_(tools=[{"type": "function", "function": {"name": f"f{n}"}} for n in range(129)]), "tools"), (with_(tools=[]), "tools"), (with_(tools=[TOOL, TOOL]), "two tools are named 'f'")],
    ),
    "tools.Function tool": ([with_(tools=[TOOL])], [(with_(tools=["f"]), "tools")]),
    "tools.Function tool.function": ([offering()], [(with_(tools=[{"type": "function"}]), "function")]),
    "tools.Function tool.function.name": ([offering(name="a-Z_9" + "x" * 59)], [(offering(name="x" * 65), "name"), (offering(name="a.b"), "name"), (offering(name=""), "name")]),
    "tools.Function tool.function.description": ([offering(description="why")], [(offering(description=1), "description")]),
    "tools.Function tool.function.parameters": ([offering(), offering(parameters={"type": "object", "properties": {}})], [(offering(parameters="x"), "parameters")]),
    "tools.Function tool.function.strict": ([offering(strict=True), offering(strict=None)], [(offering(strict="x"), "strict")]),
    "tools.Function tool.type": ([with_(tools=[TOOL])], [(with_(tools=[{**TOOL, "type": "tool"}]), "type")]),
}  # fmt: skip
TAKEN = [pytest.param(body, id=f"{path}-{n}") for path, (taken, _) in ROWS.items() for n, body in enumerate(taken)]
REFUSED = [pytest.param(*row, id=f"{path}-{n}") for path, (_, refused) in ROWS.items() for n, row in enumerate(refused)]


def test_every_row_of_the_page_is_here_and_nothing_else() -> None:
    rows = parameter_rows()
    assert len(rows) == len(set(rows)) == 108
    assert sorted(ROWS) == sorted(rows)
    assert all(taken for taken, _ in ROWS.values())


@pytest.mark.parametrize("body", TAKEN)
def test_what_a_row_takes_is_kept_and_sent_as_it_was_given(body: Json) -> None:
    request = ChatRequest(**body)
    assert request.to_json() == body
    streamed = bool(body.get("stream"))
    sent = json.loads(request.body(stream=streamed))
    assert (
        sent.items()
        >= {k: v for k, v in body.items() if k not in ("stream", "stream_options") and v is not None}.items()
    )
    assert [error.message for error in REQUEST.iter_errors(sent)] == []


@pytest.mark.parametrize(("body", "words"), REFUSED)
def test_what_a_row_refuses_is_told_by_its_name(body: Json, words: str) -> None:
    with pytest.raises(ConfigurationError, match="ChatRequest") as raised:
        ChatRequest(**body)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "name", [path for path in parameter_rows() if "." not in path and path not in ("messages", "model")]
)
def test_null_is_taken_and_never_sent(name: str) -> None:
    request = ChatRequest(**with_(**{name: None}))
    assert json.loads(request.body()) == said(USER)
