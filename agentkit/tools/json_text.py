"""The JSON text that models write as arguments: parsed strictly, mended only where nothing can be lost."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from pydantic_core import from_json

from agentkit.chat import Json, is_json
from agentkit.errors import ToolError

MAX_ARGUMENTS = 1024 * 1024  # characters
MAX_DEPTH = 100  # the parser below refuses 200


def parsed_object(
    text: str | Json, *, nothing_required: bool, repairs: list[str], longest: int = MAX_ARGUMENTS
) -> tuple[Json, bool]:
    """The object the text spells, and whether it holds booleans.

    Raises ToolError for anything that is not one complete JSON object (Q69 to Q78).
    """
    if isinstance(text, dict):
        repairs.append("an object instead of JSON text")
        return text, _walk(text, "", 0)
    if len(text) > longest:
        raise ToolError(f"the arguments are longer than {longest} characters")
    if text[:1] == "{":
        value = _parsed(text)
    elif not text.strip():
        if not nothing_required:
            raise ToolError("the arguments are empty; give a JSON object")
        repairs.append("no text instead of {}")
        return {}, False
    else:
        value = _unwrapped(text, repairs)
    if not is_json(value):
        raise ToolError(f"the arguments must be a JSON object, not {_kind(value)}")
    return value, _walk(value, "", 0)


def _unwrapped(text: str, repairs: list[str]) -> Any:
    inner = without_fence(text)
    if inner is not None:
        repairs.append("a code fence around the JSON")
    value = _parsed(text if inner is None else inner)
    if isinstance(value, str):
        repairs.append("JSON text encoded twice")
        value = _parsed(value)
    return value


def without_fence(text: str) -> str | None:
    """What stands inside a Markdown code fence that is the whole text; None when there is no fence."""
    stripped = text.strip()
    if not stripped.startswith("```") or not stripped.endswith("```"):
        return None
    language, newline, inner = stripped[3:-3].partition("\n")
    return inner if newline and (not language or language.strip().isalpha()) else None


def _parsed(text: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ToolError(f"the arguments are not valid JSON: {error}") from None
    except TypeError:
        raise ToolError("the arguments are not valid JSON: they hold half of a surrogate pair") from None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {"list": "an array", "bool": "a boolean", "str": "a string"}
    return names.get(type(value).__name__, "a number")


def _walk(value: Json | list[Any], path: str, depth: int) -> bool:
    """Whether there are booleans; refuses what JSON cannot hold (1e999 parses as infinity) and what is too deep."""
    if depth >= MAX_DEPTH:
        raise ToolError(f"{path[:80]}: nested deeper than {MAX_DEPTH} levels")
    booleans = False
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        kind = item.__class__
        if kind is str or kind is int:
            continue
        if kind is bool:
            booleans = True
        elif kind is dict or kind is list:
            booleans |= _walk(item, f"{path}.{key}" if path else str(key), depth + 1)
        elif kind is float and not isfinite(item):
            raise ToolError(f"{f'{path}.{key}' if path else key}: the number is not finite")
    return booleans


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
