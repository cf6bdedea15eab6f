"""Where each value of a JSON text stands in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from json import decoder

# The standard library's own reader of one JSON string, which its stubs leave out: (text, start) -> (value, end).
scanstring: Callable[[str, int, bool], tuple[str, int]] = vars(decoder)["scanstring"]
_SPACE = " \t\n\r"


def value_spans(text: str) -> dict[str, tuple[int, int]]:
    """Path to (start, end) of every value, `""` for the whole; empty if the text is not JSON."""
    spans: dict[str, tuple[int, int]] = {}
    try:
        json.loads(text)
        _value(text, _skip(text, 0), "", spans)
    except (ValueError, RecursionError):
        return {}
    return spans


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _value(text: str, at: int, path: str, spans: dict[str, tuple[int, int]]) -> int:
    start = at
    if text[at] == "{":
        end = _items(text, at, path, spans, keyed=True)
    elif text[at] == "[":
        end = _items(text, at, path, spans, keyed=False)
    elif text[at] == '"':
        _, end = scanstring(text, at + 1, True)
    else:
        end = at
        while end < len(text) and text[end] not in ",]}" + _SPACE:
            end += 1
    spans[path] = (start, end)
    return end


def _items(text: str, at: int, path: str, spans: dict[str, tuple[int, int]], *, keyed: bool) -> int:
    at, index, close = _skip(text, at + 1), 0, "}" if keyed else "]"
    while text[at] != close:
        name = str(index)
        if keyed:
            name, at = scanstring(text, at + 1, True)
            at = _skip(text, _skip(text, at) + 1)
        at = _skip(text, _value(text, at, f"{path}.{name}" if path else name, spans))
        index += 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1
