"""What tools give back, as the text the model reads. Rendering is total: it cannot raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json, to_json

MAX_RESULT = 256 * 1024  # characters the model reads


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A result with more than text.

    content: what the model reads. images: URLs or data URLs, shown to the model in a user message right after the
    results of its turn (tool messages take text alone). data: stays with you, as JSON, in `ToolFinished.result.data`.
    """

    content: object
    data: Any = None
    images: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HandOver:
    """Returned by a hand-over tool: from the next request on, this agent speaks."""

    agent: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a tool message; `whole` is the text before it was cut, None when it was not."""

    content: str
    whole: str | None = None
    images: tuple[str, ...] = ()
    data: Any = None


def render_result(value: object, max_result: int = MAX_RESULT) -> Rendered:
    """Text as it is, everything else as JSON; what JSON cannot hold falls back to `str`."""
    if isinstance(value, ToolResult):
        rendered = render_result(value.content, max_result)
        data = None if value.data is None else _data(value.data)
        return replace(rendered, images=tuple(map(_sendable, value.images)), data=data)
    text = _sendable(value if isinstance(value, str) else _json(value))
    if len(text) <= max_result:
        return Rendered(text)
    marker = f"\n[... {len(text) - max_result} of {len(text)} characters left out ...]\n"
    head = max_result // 2
    return Rendered(text[:head] + marker + text[len(text) - (max_result - head) :], text)


def _sendable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate cannot be sent
        return text.encode(errors="replace").decode()
    return text


def _json(value: object) -> str:
    """JSON; what JSON cannot hold at all is what Python would print."""

    def fallback(inner: object) -> str:
        if inner is value:
            raise TypeError
        return _text(inner)

    try:
        return to_json(value, inf_nan_mode="null", fallback=fallback).decode()
    except Exception:  # circular, or its own serialiser fails
        return _text(value)


def _data(value: object) -> Any:
    try:
        return from_json(to_json(value, inf_nan_mode="null", fallback=_text))
    except Exception:  # as above
        return _sendable(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a broken __str__
        return f"<{type(value).__name__}>"
