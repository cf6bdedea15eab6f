"""Request bodies in a few words, and the public schema that they have to fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agentkit import ChatRequest, ConfigurationError

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "chat-completions.schema.json").read_text())
REQUEST = Draft202012Validator({"$ref": "#/$defs/CreateChatCompletionRequest", "$defs": SCHEMA["$defs"]})

Json = dict[str, Any]
Refused = tuple[Json, str]  # a body, and words of its refusal
Row = tuple[list[Json], list[Refused]]  # what a row of the page takes, what it refuses

USER: Json = {"role": "user", "content": "Hello!"}
TEXT: Json = {"type": "text", "text": "Hello!"}
REFUSAL: Json = {"type": "refusal", "refusal": "no"}
IMAGE: Json = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
AUDIO: Json = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL: Json = {"type": "function", "function": {"name": "f"}}


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


def choosing(choice: Any) -> Json:
    """A request that offers f, and chooses."""
    return with_(tools=[TOOL], tool_choice=choice)


def parameters(rows: dict[str, Row], side: int) -> list[Any]:
    """What the rows take (side 0) or refuse (1), for parametrize; each id begins with the row's path."""
    found = [(path, n, case) for path, row in rows.items() for n, case in enumerate(row[side])]
    return [pytest.param(*((case,) if side == 0 else case), id=f"{path}-{n}") for path, n, case in found]


def check_taken(body: Json) -> None:
    """The request is kept and sent as it was given, null aside, and fits the public schema."""
    request = ChatRequest(**body)
    assert request.to_json() == body
    streamed = bool(body.get("stream"))
    sent = json.loads(request.body(stream=streamed))
    given = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    assert sent.items() >= {name: value for name, value in given.items() if value is not None}.items()
    assert sent.get("stream", False) is streamed
    assert sent.get("stream_options", {}).items() >= (body.get("stream_options") or {}).items()
    assert [error.message for error in REQUEST.iter_errors(sent)] == []


def check_refused(body: Json, words: str) -> None:
    """The request is refused at construction, in these words."""
    with pytest.raises(ConfigurationError, match="ChatRequest") as raised:
        ChatRequest(**body)
    assert words in str(raised.value)
