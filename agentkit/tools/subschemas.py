"""Where in a JSON Schema further schemas stand; everything else in it is data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from agentkit.chat import Json, is_json, is_list

BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
IN_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
ALONE = (
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
)


def mapped(schema: Json, change: Callable[[Any, str], Any], where: str = "") -> Json:
    """The schema with each schema directly inside it changed; `where` leads the path that `change` is told."""
    out = dict(schema)
    for key in BY_NAME:
        if is_json(inner := schema.get(key)):
            out[key] = {name: change(sub, f"{where}.{name}" if where else name) for name, sub in inner.items()}
    for key in IN_LIST:
        if is_list(inner := schema.get(key)):
            out[key] = [change(sub, f"{where}[{key}]") for sub in inner]
    for key in ALONE:
        if key in schema:
            out[key] = change(schema[key], f"{where}[]" if key == "items" else f"{where}[{key}]")
    return out


def walked(schema: Any) -> Iterator[Json]:
    """The schema and every schema in it."""
    todo = [schema]
    while todo:
        at = todo.pop()
        if not is_json(at):
            continue
        yield at

        def note(sub: Any, where: str) -> Any:
            todo.append(sub)
            return sub

        mapped(at, note)
