"""The message rows of the API page: what each role may say, in which parts, and what is refused."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from agentkit import ChatRequest, ConfigurationError
from agentkit.chat import (
    DeveloperMessage,
    FunctionCall,
    ImagePart,
    ImageUrl,
    Message,
    SystemMessage,
    UserMessage,
    read_completion,
)

from .bodies import (
    AUDIO,
    CALL,
    IMAGE,
    REFUSAL,
    REQUEST,
    TEXT,
    USER,
    Json,
    Row,
    by,
    check_refused,
    check_taken,
    parameters,
    said,
)
from .page import parameter_rows

ROLES = ("developer", "system", "user", "assistant", "tool")
DATA_URL = "data:image/png;base64,iVBORw0KGgo="


def image(**fields: Any) -> Json:
    return by("user", [{"type": "image_url", "image_url": {"url": "https://example.com/a.png", **fields}}])


def calling(**changes: Any) -> Json:
    return by("assistant", None, tool_calls=[{**CALL, **changes}])


def legacy(**fields: Any) -> Json:
    return by("assistant", None, function_call={"name": "f", "arguments": "{", **fields})


def rows_of(role: str) -> Iterator[tuple[str, Row]]:
    """The rows that all roles have."""
    message, content = f"messages.{role}", f"messages.{role}.content"
    array, part = f"{content}.array", f"{content}.array" if role == "developer" else f"{content}.array.text_part"
    two = by(role, [TEXT, TEXT])
    yield message, ([by(role)], [(said({"content": "x"}), "'role'")])
    yield content, ([by(role), two], [(by(role, 7), "content: Input should be a valid string, not 7")])
    yield f"{content}.string", ([by(role, ""), by(role, "größe\n\u2028")], [(by(role, {"text": "x"}), "content")])
    yield array, ([two], [(by(role, []), "content"), (by(role, ["x"]), "content.0")])
    yield part, ([by(role, [TEXT]), two], [(by(role, [TEXT, None]), "content.1")])
    yield (
        f"{part}.text",
        ([by(role, [{**TEXT, "text": ""}])], [(by(role, [{"type": "text"}]), ".text: Field required")]),
    )
    yield f"{part}.type", ([by(role, [TEXT])], [(by(role, [{**TEXT, "type": "txt"}]), "'txt'")])
    yield f"{message}.role", ([by(role)], [(by(role.capitalize()), f"tag {role.capitalize()!r}")])
    if role != "tool":
        yield f"{message}.name", ([by(role, name="alice")], [(by(role, name=7), "name: Input should be a valid string, not 7")])  # fmt: skip


IMAGE_ROW = "messages.user.content.array.image_part"
SAID = "messages.assistant"
CALLED = f"{SAID}.tool_calls.call"
REFUSAL_ROW = f"{SAID}.content.array.refusal_part"
ONE = "content takes one or more text parts, or exactly one refusal part"
NEEDED = "content is required unless there are tool_calls, function_call, audio or a refusal"
ROWS: dict[str, Row] = {
    "messages": ([said(USER), said(USER, USER)], [(said(), "messages: Tuple should have at least 1 item"), ({"model": "m"}, "messages: Field required"), ({"model": "m", "messages": "hi"}, "not 'hi'")]),
    **dict(itertools.chain.from_iterable(map(rows_of, ROLES))),
    IMAGE_ROW: ([image(), by("user", [TEXT, IMAGE, TEXT, IMAGE])], []),
    f"{IMAGE_ROW}.image_url": ([image()], [(by("user", [{"type": "image_url"}]), "image_url: Field required"), (by("user", [{"type": "image_url", "image_url": DATA_URL}]), "image_url")]),
    f"{IMAGE_ROW}.image_url.url": ([image(), image(url=DATA_URL)], [(image(url=None), "url: Input should be a valid string, not None")]),
    f"{IMAGE_ROW}.image_url.detail": ([image(), *(image(detail=detail) for detail in ("auto", "low", "high"))], [(image(detail=3), "detail: Input should be a valid string, not 3")]),
    f"{IMAGE_ROW}.type": ([image()], [(by("user", [{**IMAGE, "type": "image"}]), "'image'")]),
    f"{SAID}.audio": ([by("assistant", None, audio={"id": "audio_1"}), by("assistant", audio=None)], [(by("assistant", audio="x"), "audio")]),
    f"{SAID}.audio.id": ([by("assistant", None, audio={"id": "audio_1"})], [(by("assistant", audio={}), "audio.id: Field required")]),
    f"{SAID}.content": (
        [by("assistant"), calling(), legacy(), by("assistant", None, refusal="no"), by("assistant", None, audio={"id": "a"})],
        [(by("assistant", None), NEEDED), (said({"role": "assistant"}), NEEDED), (by("assistant", None, tool_calls=[]), NEEDED), (by("assistant", None, refusal=""), NEEDED), (by("assistant", None, function_call=None, audio=None), NEEDED)],
    ),
    f"{SAID}.content.array": (
        [by("assistant", [TEXT]), by("assistant", [TEXT, TEXT]), by("assistant", [REFUSAL])],
        [(by("assistant", [TEXT, REFUSAL]), ONE), (by("assistant", [REFUSAL, REFUSAL]), ONE), (by("assistant", []), "content: Tuple should have at least 1 item")],
    ),
    REFUSAL_ROW: ([by("assistant", [REFUSAL])], [(by("assistant", [REFUSAL, TEXT]), ONE)]),
    f"{REFUSAL_ROW}.refusal": ([by("assistant", [REFUSAL])], [(by("assistant", [{"type": "refusal"}]), "refusal: Field required")]),
    f"{REFUSAL_ROW}.type": ([by("assistant", [REFUSAL])], [(by("assistant", [{**REFUSAL, "type": "no"}]), "'no'")]),
    f"{SAID}.function_call": ([legacy(), by("assistant", function_call=None)], [(by("assistant", function_call="f"), "function_call")]),
    f"{SAID}.function_call.name": ([legacy()], [(legacy(name=None), "name: Input should be a valid string, not None"), (by("assistant", None, function_call={"arguments": "{}"}), "name: Field required")]),
    f"{SAID}.function_call.arguments": ([legacy(arguments="not JSON"), legacy(arguments="")], [(legacy(arguments={}), "arguments: Input should be a valid string, not {}")]),
    f"{SAID}.refusal": ([by("assistant", None, refusal="no"), by("assistant", refusal=None)], [(by("assistant", refusal=1), "refusal: Input should be a valid string, not 1")]),
    f"{SAID}.tool_calls": ([calling(), by("assistant", "I look", tool_calls=[CALL, {**CALL, "id": "call_2"}])], [(by("assistant", None, tool_calls="x"), "tool_calls")]),
    CALLED: ([calling()], [(by("assistant", None, tool_calls=["x"]), "tool_calls.0")]),
    f"{CALLED}.function": ([calling()], [(calling(function=None), "function")]),
    f"{CALLED}.function.arguments": ([calling(function={"name": "f", "arguments": "not JSON"})], [(calling(function={"name": "f"}), "arguments: Field required"), (calling(function={"name": "f", "arguments": {}}), "arguments: Input should be a valid string")]),
    f"{CALLED}.function.name": ([calling()], [(calling(function={"arguments": "{}"}), "name: Field required")]),
    f"{CALLED}.id": ([calling(id="x")], [(calling(id=None), "id: Input should be a valid string, not None")]),
    f"{CALLED}.type": ([calling()], [(calling(type="tool"), "'tool'")]),
    "messages.tool.tool_call_id": ([by("tool")], [(said(USER, {"role": "tool", "content": "x"}), "tool_call_id: Field required")]),
}  # fmt: skip


def test_every_message_row_of_the_page_is_here_and_nothing_else() -> None:
    assert sorted(ROWS) == sorted(row.path for row in parameter_rows() if row.path.startswith("messages"))
    assert all(taken for taken, _ in ROWS.values())


@pytest.mark.parametrize("body", parameters(ROWS, 0))
def test_what_a_message_row_takes_is_kept_and_sent_as_given(body: Json) -> None:
    check_taken(body)


@pytest.mark.parametrize(("body", "words"), parameters(ROWS, 1))
def test_what_a_message_row_refuses_is_told_by_field_and_value(body: Json, words: str) -> None:
    check_refused(body, words)


PARTS = {"text": TEXT, "image_url": IMAGE, "input_audio": AUDIO, "refusal": REFUSAL}
ALLOWED = {role: {"text"} for role in ROLES} | {"user": {"text", "image_url", "input_audio"}, "assistant": {"text", "refusal"}}  # fmt: skip


@pytest.mark.parametrize(("role", "kind"), list(itertools.product(ROLES, PARTS)))
def test_a_role_takes_the_parts_of_the_page_and_no_others(role: str, kind: str) -> None:
    body = by(role, [PARTS[kind]])
    if kind in ALLOWED[role]:
        check_taken(body)
    else:
        check_refused(body, f"messages.{len(body['messages']) - 1}.{role}.content.0")
        check_refused(body, repr(kind))
        if kind != "refusal":  # one wrong part among right ones
            mixed = by(role, [TEXT, PARTS[kind]])
            check_refused(mixed, f"messages.{len(mixed['messages']) - 1}.{role}.content.1")


NAMED: list[Message] = [
    DeveloperMessage(content="x", name=None),
    SystemMessage(content="x", name=None),
    UserMessage(content="x", name=None),
    UserMessage(content=(ImagePart(image_url=ImageUrl(url=DATA_URL, detail=None)),)),
]


@pytest.mark.parametrize("message", NAMED, ids=lambda message: message.role)
def test_a_name_or_detail_of_none_is_not_sent_where_the_page_takes_no_null(message: Message) -> None:
    request = ChatRequest(model="m", messages=[message])
    assert b"null" not in message.json_bytes()
    assert [error.message for error in REQUEST.iter_errors(json.loads(request.body()))] == []


@pytest.mark.parametrize("body", [by("assistant", None), by("user", [TEXT, REFUSAL])])
def test_a_wrong_message_is_told_by_its_place_and_the_list_around_it_is_not_blamed(body: Json) -> None:
    with pytest.raises(ConfigurationError, match=r"^ChatRequest\.messages\.0\.") as raised:
        ChatRequest(**body)
    assert "at least 1 item" not in str(raised.value)
    assert "tuple[" not in str(raised.value)


def test_a_received_function_call_is_told_apart_from_tool_calls_and_goes_back_as_it_came() -> None:
    call = {"name": "f", "arguments": '{"a": 1}'}
    answer = {"choices": [{"message": {"role": "assistant", "content": None, "function_call": call}}]}
    message = read_completion(answer).message
    assert message.tool_calls is None
    assert message.function_call == FunctionCall(name="f", arguments='{"a": 1}')
    assert [(made.name, made.text) for made in message.calls] == [("f", '{"a": 1}')]
    history = [USER, {"role": "assistant", "content": None, "function_call": call}]
    check_taken(said(*history, {"role": "function", "name": "f", "content": "2"}))


def test_a_received_audio_answer_is_kept_whole_and_said_again_by_its_id() -> None:
    audio = {"id": "audio_1", "data": "AAAA", "expires_at": 1, "transcript": "hi"}
    answer = {"choices": [{"message": {"role": "assistant", "content": None, "audio": audio}}]}
    assert read_completion(answer).message.audio == audio
    check_taken(by("assistant", None, audio={"id": "audio_1"}))
