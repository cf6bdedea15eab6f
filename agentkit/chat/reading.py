"""What providers write differently, brought into the form of the API page (ROBUSTNESS 1a, 1b)."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic_core import to_json

from agentkit.errors import ServerFailed

from .wire import Json, is_json, is_list

MALFORMED = (TypeError, AttributeError, KeyError, ValueError)  # what reading JSON of the wrong shape ends in


def raise_error_body(data: Json) -> None:
    """Raise ServerFailed for an error that came with a 200 (Q49)."""
    error = data.get("error")
    if not error:
        return
    row: Json = error if is_json(error) else {"message": str(error)}
    code = row.get("code")
    message = str(row.get("message") or row)[:300]
    raise ServerFailed(
        f"the provider reports an error inside its answer: {message}",
        status=code if isinstance(code, int) and 100 <= code < 600 else 200,
        code=None if code is None else str(code),
        type=row.get("type") if isinstance(row.get("type"), str) else None,
        body=str(data)[:300],
    )


def arguments_text(arguments: Any) -> str:
    """Arguments as the text they should have been (Q10, Q11)."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else to_json(arguments).decode()


def minted_id() -> str:
    """An id for a call that came without one (Q5)."""
    return f"call_{uuid.uuid4().hex[:24]}"


def split_content(content: Any) -> tuple[str, str]:
    """(text, reasoning) of a content that came as parts."""
    text, reasoning = list[str](), list[str]()
    for part in content if is_list(content) else [content]:
        if isinstance(part, str):
            text.append(part)
        elif is_json(part) and part.get("type") == "thinking":
            inner = part.get("thinking")
            reasoning.append(inner if isinstance(inner, str) else split_content(inner or [])[0])
        elif is_json(part) and isinstance(part.get("text"), str):
            text.append(part["text"])
    return "".join(text), "".join(reasoning)


def normalised(data: Json) -> Json:
    """The answer's parsed JSON with quirks mended, in place."""
    choices: Any = data.get("choices") or ()
    data["choices"] = [_choice(n, choice) for n, choice in enumerate(choices) if is_json(choice)]
    if not data.get("usage"):
        data.pop("usage", None)  # unknown is not zero (Q35)
    for key in ("id", "model", "object", "service_tier", "system_fingerprint"):
        value = data.get(key)
        if value is not None and not isinstance(value, str):
            data[key] = str(value)
    return data


def _choice(position: int, choice: Json) -> Json:
    message: Any = choice.get("message")
    if message is None:
        message = choice.get("delta") or {}
        choice = {**choice, "message": message}
    if not isinstance(choice.get("index"), int):
        choice["index"] = position
    reason = choice.get("finish_reason")
    if reason is not None and not isinstance(reason, str):
        choice["finish_reason"] = str(reason)
    if not isinstance(choice.get("logprobs"), (dict, type(None))):
        choice["logprobs"] = None
    _message(message)
    return choice


def _message(message: Json) -> None:
    if message.get("role") != "assistant":
        message["role"] = "assistant"
    if is_list(message.get("content")):
        message["content"], reasoning = split_content(message["content"])
        if reasoning:
            message["reasoning_content"] = reasoning
    calls = message.get("tool_calls")
    if calls:
        message["tool_calls"] = [_call(call) for call in calls if is_json(call)]
    elif calls is not None and not is_list(calls):
        message["tool_calls"] = None
    if not message.get("refusal") and message.get("refusal") is not None:
        message["refusal"] = None
    audio = message.get("audio")
    if audio is not None and not (is_json(audio) and audio.get("id")):
        message["audio"] = None
    legacy = message.get("function_call")
    if legacy is not None:
        empty = not (is_json(legacy) and legacy.get("name"))
        message["function_call"] = None if empty else {**legacy, "arguments": arguments_text(legacy.get("arguments"))}


def _call(call: Json) -> Json:
    if not call.get("id"):
        call["id"] = minted_id()
    if call.get("type") == "custom" and is_json(call.get("custom")):
        return call
    call["type"] = "function"
    function = call.get("function")
    function = dict(function) if is_json(function) else {"name": call.get("name")}
    function["name"] = str(function.get("name") or "")
    function["arguments"] = arguments_text(function.get("arguments"))
    call["function"] = function
    return call
