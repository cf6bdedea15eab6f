"""The strict form of a JSON Schema: every key required, nothing else allowed."""

from __future__ import annotations

from typing import Any

from agentkit.chat import Json, is_json

_UNSUPPORTED = frozenset(
    {
        "allOf",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "if",
        "maxProperties",
        "minProperties",
        "not",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "unevaluatedProperties",
        "uniqueItems",
    }
)


class _CannotBe(Exception):
    """Why a schema has no strict form."""


def to_strict(schema: Json, *, null_for_default: bool = False) -> Json | str:
    """The strict form, or the reason why there is none.

    null_for_default: an optional key is required and may be null, which means its default; else it is just required.
    """
    try:
        strict = _strict(schema, "", null_for_default)
    except _CannotBe as reason:
        return str(reason)
    assert is_json(strict)
    return strict


def _strict(node: Any, where: str, nullable: bool) -> Any:
    if isinstance(node, bool) or not node:
        raise _CannotBe(f"{where or 'the schema'} accepts anything")
    unsupported = sorted(_UNSUPPORTED & node.keys())
    if unsupported:
        raise _CannotBe(f"{where or 'the schema'} uses {unsupported[0]}")
    out = {key: value for key, value in node.items() if key not in ("default", "discriminator")}
    for key in ("$defs", "definitions"):
        if key in out:
            out[key] = {name: _strict(sub, f"{where}{name}", nullable) for name, sub in out[key].items()}
    if "anyOf" in out:
        out["anyOf"] = [_strict(sub, where, nullable) for sub in out["anyOf"]]
    elif "items" in out:
        out["items"] = _strict(out["items"], f"{where}[]", nullable)
    elif out.get("type") == "object" or "properties" in out:
        return _strict_object(out, where, nullable)
    elif out.get("type") == "array" or not {"type", "$ref", "enum", "const"} & out.keys():
        raise _CannotBe(f"{where or 'the schema'} accepts anything")
    return out


def _strict_object(node: Json, where: str, nullable: bool) -> Json:
    if node.get("additionalProperties") not in (None, False):
        raise _CannotBe(f"{where or 'the schema'} takes keys of any name")
    if "properties" not in node and "additionalProperties" not in node:
        raise _CannotBe(f"{where or 'the schema'} is an object of any keys")
    properties: Json = {}
    required = node.get("required", ())
    for name, sub in node.get("properties", {}).items():
        strict = _strict(sub, f"{where}.{name}" if where else name, nullable)
        properties[name] = strict if name in required or not nullable else _or_null(strict)
    return {**node, "properties": properties, "required": list(properties), "additionalProperties": False}


def _or_null(node: Json) -> Json:
    if "anyOf" in node:
        known = any(sub.get("type") == "null" for sub in node["anyOf"])
        return node if known else {**node, "anyOf": [*node["anyOf"], {"type": "null"}]}
    about: Json = {key: node[key] for key in ("description", "title") if key in node}
    rest = {key: value for key, value in node.items() if key not in about}
    if rest.get("type") == "null":
        return node
    return {**about, "anyOf": [rest, {"type": "null"}]}
