"""The JSON text that models write as arguments: parsed strictly, mended only where nothing can be lost."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from pydantic_core import from_json

from agentkit.chat import Json
from agentkit.errors import ToolError

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 100
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def parsed_object(text: str | Json, *, nothing_required: bool, repairs: list[str]) -> Json:
    """The object the text spells. Raises ToolError for anything that is not one complete JSON object (Q69 to Q78)."""
    if isinstance(text, dict):
        repairs.append("an object instead of JSON text")
        _walk(text, "", 0)
        return text
    written: str = text
    return _read_text(written, nothing_required, repairs)


def _read_text(text: str, nothing_required: bool, repairs: list[str]) -> Json:
    if len(text) > MAX_BYTES:
        raise ToolError(f"the arguments are longer than {MAX_BYTES} characters")
    if not text.strip():
        if not nothing_required:
            raise ToolError("the arguments are empty; give a JSON object")
        repairs.append("no text instead of {}")
        return {}
    fence = _FENCE.match(text)
    if fence:
        repairs.append("a code fence around the JSON")
        text = fence[1]
    value = _parsed(text)
    if isinstance(value, str):
        repairs.append("JSON text encoded twice")
        value = _parsed(value)
    if not isinstance(value, dict):
        raise ToolError(f"the arguments must be a JSON object, not {_kind(value)}")
    _walk(value, "", 0)
    return value


def _parsed(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ToolError(f"the arguments are not valid JSON: {error}") from None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {"list": "an array", "bool": "a boolean", "str": "a string"}
    return names.get(type(value).__name__, "a number")


def _walk(value: Any, path: str, depth: int) -> None:
    """Refuse what JSON cannot hold (1e999 parses as infinity) and what is nested too deep."""
    if isinstance(value, dict):
        _deeper(path, depth)
        for key, item in value.items():
            if item.__class__ is not str:
                _walk(item, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list):
        _deeper(path, depth)
        for index, item in enumerate(value):
            if item.__class__ is not str:
                _walk(item, f"{path}.{index}", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ToolError(f"{path}: the number is not finite")


def _deeper(path: str, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise ToolError(f"{path[:80]}: nested deeper than {MAX_DEPTH} levels")


def refuse_duplicate_keys(text: str) -> None:
    """Raise ToolError when a key stands twice in one object: who approves and who parses may differ (Q76)."""

    def unique(pairs: list[tuple[str, Any]]) -> Json:
        keys = [key for key, _ in pairs]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise ToolError(f"the key {twice!r} stands twice in the arguments")
        return dict(pairs)

    try:
        json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return  # refused elsewhere, with its own reason
