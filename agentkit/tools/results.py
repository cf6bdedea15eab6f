"""What tools give back, as the text the model reads. Rendering is total: it cannot raise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

MAX_RESULT = 256 * 1024  # characters the model reads


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A result with more than text: `content` goes to the model, `data` stays with you."""

    content: object
    data: Any = None
    images: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class HandOver:
    """Returned by a hand-over tool: from the next request on, this agent speaks."""

    agent: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a tool message; `whole` is the text before it was cut, None when it was not."""

    content: str
    whole: str | None = None


def render_result(value: object, max_result: int = MAX_RESULT) -> Rendered:
    """Text as it is, everything else as JSON; what JSON cannot hold falls back to `str`."""
    if isinstance(value, ToolResult):
        value = value.content
    text = value if isinstance(value, str) else _json(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate cannot be sent
        text = text.encode(errors="replace").decode()
    if len(text) <= max_result:
        return Rendered(text)
    marker = f"\n[... {len(text) - max_result} of {len(text)} characters left out ...]\n"
    head = max_result // 2
    return Rendered(text[:head] + marker + text[len(text) - (max_result - head) :], text)


def _json(value: object) -> str:
    try:
        return to_json(value, inf_nan_mode="null", fallback=_text).decode()
    except Exception:  # circular, or its own serialiser fails
        return _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a broken __str__
        return f"<{type(value).__name__}>"
