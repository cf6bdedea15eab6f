"""Schemas in other dialects, read as JSON Schema 2020-12: what is plainly meant is said so, the rest is refused."""

from __future__ import annotations

import logging
import re
from typing import Any

from agentkit.chat import Json, is_json, is_list
from agentkit.errors import ConfigurationError

from .compiled import matcher
from .subschemas import ALONE, BY_NAME, IN_LIST, mapped

log = logging.getLogger("agentkit")
_WORDS = {
    "object": "object dict dictionary map hashmap struct record mapping",
    "array": "array list arraylist tuple set sequence vector",
    "string": "string str text char character",
    "integer": "integer int long short byte int32 int64 bigint biginteger",
    "number": "number float double decimal numeric real float32 float64",
    "boolean": "boolean bool",
    "null": "null none nonetype",
    "": "any",
}
_CANON = frozenset(filter(None, _WORDS))
_TYPE = {word: name for name, words in _WORDS.items() for word in words.split()}
_DATA = ("default", "const", "example", "examples", "xml", "externalDocs", "discriminator")
_GENERIC = re.compile(r"(\w+)\[(.*)\]\Z", re.DOTALL)


def normalised(parameters: Json, where: str, level: int = logging.WARNING) -> Json:
    """The parameters of a tool as JSON Schema 2020-12, with a warning that says what was read otherwise.

    Raises ConfigurationError, with the remedy, for what could mean two things.
    """
    reading = _Reading(where)
    try:
        schema: Json = reading.schema(parameters, "")
    except RecursionError:
        raise ConfigurationError(f"{where}: the schema is nested too deep") from None
    if reading.notes:
        log.log(level, "%s: its schema is read as JSON Schema: %s", where, "; ".join(dict.fromkeys(reading.notes)))
    return schema


def plain_name(name: str) -> str:
    """A dotted name as the wire allows it, with a warning; every other name as it is."""
    if "." not in name or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        return name
    log.warning("tool %r: names hold no dots; it is offered as %r", name, name.replace(".", "_"))
    return name.replace(".", "_")


def without_hard_patterns(schema: Any, where: str = "") -> Any:
    """A schema of somebody else's server without the patterns that only backtracking can check: the server does."""
    if not is_json(schema):
        return schema
    out = mapped(schema, without_hard_patterns)
    if isinstance(pattern := out.get("pattern"), str) and matcher(pattern) is None:
        del out["pattern"]
    if any(matcher(pattern) is None for pattern in out.get("patternProperties") or ()):
        del out["patternProperties"]
        out.pop("additionalProperties", None)
    return out


class _Reading:
    """One schema being read: its place for errors, and notes of what was said in another dialect."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.notes: list[str] = []

    def schema(self, given: Any, path: str) -> Any:
        """A schema at a path, read; booleans are schemas."""
        if isinstance(given, bool):
            return given
        if isinstance(given, str) and given.strip().lower() in _TYPE:
            self._note(path, f"the word {given!r} for a schema")
            given = {"type": given}
        if not is_json(given):
            raise self._refused(path, f"{given!r:.60} is no schema; write {{'type': ...}}")
        self._refuse_flat(given, path)
        node = dict(given)
        dialect = node.pop("$schema", None)
        if dialect is not None and "//json-schema.org/" not in str(dialect):
            raise self._refused(path, f"the $schema {dialect!r:.60} is unknown; leave it out, or use JSON Schema's own")
        self._older(node, path)
        self._type(node, path)
        self._items(node, path)
        self._bounds(node, path)
        self._required(node, path)
        node = mapped(node, self.schema, path)
        self._enum(node, path)
        return node

    def _note(self, path: str, what: str) -> None:
        self.notes.append(f"{path or 'parameters'}: {what}")

    def _refused(self, path: str, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}: {path or 'parameters'}: {why}")

    def _refuse_flat(self, node: Json, path: str) -> None:
        """Parameters without `properties` around them: a validator would take them for unknown words, and skip them."""
        if any(key in node for key in (*BY_NAME, *IN_LIST, *ALONE, "$ref")):
            return
        flat = [
            key for key, value in node.items() if key not in (*_DATA, "type") and is_json(value) and "type" in value
        ]
        if flat:
            names = ", ".join(flat[:3])
            raise self._refused(path, f"{names} stand where the schema's own words do; put them under 'properties'")

    def _older(self, node: Json, path: str) -> None:
        """What drafts before 2019 said in other words."""
        dependencies: Json = node.pop("dependencies", None) or {}
        for key, value in dependencies.items():
            kind = "dependentRequired" if is_list(value) else "dependentSchemas"
            node[kind] = {**node.get(kind, {}), key: value}
            self._note(path, "dependencies")

    def _type(self, node: Json, path: str) -> None:
        given = node.get("type")
        if given is None:
            if "type" in node:
                del node["type"]
                self._note(path, "no type")
            return
        if is_json(given):
            raise self._refused(path, "type is an object; if it is a parameter's name, put it under 'properties'")
        if all(word in _CANON for word in (given if is_list(given) else [given]) if isinstance(word, str)):
            return
        read: list[Json] = [self._word(word, path) for word in (given if is_list(given) else [given])]
        if len(read) == 1:
            meant = read[0]
        elif all(set(one) == {"type"} and isinstance(one["type"], str) for one in read):
            meant = {"type": [one["type"] for one in read]}
        elif any(not one for one in read):
            meant = {}
        else:
            meant = {"anyOf": read}
        self._note(path, f"the type {given!r}")
        del node["type"]
        for key, value in meant.items():
            if key in node and node[key] != value and key != "items":
                raise self._refused(path, f"the type {given!r} contradicts {key}; say it once")
            node.setdefault(key, value)

    def _word(self, word: Any, path: str) -> Json:
        """What one type word means: `str`, `float`, `list[int]`, `Optional[str]`, `int | None`."""
        text = str(word).strip()
        parts = _split(text, "|")
        generic = _GENERIC.match(text)
        name = (generic.group(1) if generic and len(parts) == 1 else text).lower()
        if not isinstance(word, str) or (generic and len(parts) > 1 and "[" in parts[0] and "|" not in text):
            raise self._refused(path, f"type {word!r:.60} is no word; use 'string', 'integer', ...")
        if len(parts) > 1 or (generic and name in ("union", "optional")):
            inner = parts if len(parts) > 1 else _split(generic.group(2) if generic else "", ",")
            branches = [self._word(part, path) for part in inner]
            if len(parts) == 1 and name == "optional":
                branches.append({"type": "null"})
            return {} if {} in branches else {"anyOf": branches}
        if name not in _TYPE:
            raise self._refused(
                path, f"the type {word!r:.60} is unknown; use {', '.join(filter(None, _WORDS))} or 'any'"
            )
        kind = _TYPE[name]
        meant: Json = {"type": kind} if kind else {}
        return self._inside(meant, name, _split(generic.group(2), ","), path) if generic else meant

    def _inside(self, meant: Json, name: str, inner: list[str], path: str) -> Json:
        if name == "tuple" and inner[-1] != "...":
            items = [self._word(part, path) for part in inner]
            return {**meant, "prefixItems": items, "items": False, "minItems": len(items)}
        if meant.get("type") == "array":
            return {**meant, "items": self._word(inner[0], path)}
        if meant.get("type") == "object" and len(inner) == 2 and self._word(inner[0], path) == {"type": "string"}:
            return {**meant, "additionalProperties": self._word(inner[1], path)}
        raise self._refused(
            path, f"the type {name}[{', '.join(inner)}] has no meaning in JSON; use an object or an array"
        )

    def _items(self, node: Json, path: str) -> None:
        if is_list(items := node.get("items")):
            self._note(path, "a list of items")
            node["prefixItems"] = items
            del node["items"]
            if "additionalItems" in node:
                node["items"] = node.pop("additionalItems")
        if "properties" in node and not is_json(node["properties"]):
            if node["properties"] is not None:
                raise self._refused(path, "properties is no object; write {'name': {'type': ...}, ...}")
            del node["properties"]
            self._note(path, "no properties")

    def _bounds(self, node: Json, path: str) -> None:
        """What OpenAPI 3.0 and draft 4 said with a boolean."""
        for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(node.get(word), bool):
                self._note(path, f"{word} as a boolean")
                if node.pop(word) and bound in node:
                    node[word] = node.pop(bound)
        if node.get("nullable") is True:
            self._note(path, "nullable")
            kind: Any = node.get("type")
            if kind is not None:
                kinds = [kind] if isinstance(kind, str) else kind
                node["type"] = [*kinds, *([] if "null" in kinds else ["null"])]
                if is_list(node.get("enum")) and None not in node["enum"]:
                    node["enum"] = [*node["enum"], None]
            elif "$ref" in node or "allOf" in node:
                bare = {key: node.pop(key) for key in ("$ref", "allOf") if key in node}
                node["anyOf"] = [bare, {"type": "null"}]
        if isinstance(node.get("nullable"), bool):
            del node["nullable"]

    def _required(self, node: Json, path: str) -> None:
        """`required` where others put it: on the parameter itself, among the properties, as a single name."""
        properties: Any = node.get("properties")
        required: Any = node.get("required")
        if isinstance(required, str):
            self._note(path, "required as a text")
            required = [required]
        if is_json(properties) and is_list(among := properties.get("required")):
            self._note(path, "required among the properties")
            properties = {name: sub for name, sub in properties.items() if name != "required"}
            required = [*(required or []), *among]
        if required is None or isinstance(required, bool):
            required = []
        said = _said(properties) if is_json(properties) else {}
        for name, needed in said.items():
            where = f"{path}.{name}" if path else name
            if not needed and name in required:
                raise self._refused(where, "it is required in one place and optional in another; say it once")
            self._note(where, "required on the parameter itself")
        required = list(dict.fromkeys([*required, *(name for name, needed in said.items() if needed)]))
        if is_json(properties):
            node["properties"] = {name: _without_flags(sub) for name, sub in properties.items()}
        node.pop("required", None)
        if required:
            node["required"] = required

    def _enum(self, node: Json, path: str) -> None:
        """An enum that no value of the type can be: of the items, or a mistake."""
        enum, kind = node.get("enum"), node.get("type")
        if not is_list(enum) or kind is None or not enum:
            return
        kinds = [kind] if isinstance(kind, str) else kind
        if any(_fits(value, kinds) for value in enum):
            return
        items = node.get("items")
        inner = items.get("type", "string") if is_json(items) else "string" if items is None else None
        if "array" in kinds and isinstance(inner, str) and all(_fits(value, [inner]) for value in enum):
            self._note(path, "enum of an array, read as that of its items")
            node["items"] = {**(items if is_json(items) else {"type": inner}), "enum": node.pop("enum")}
            return
        raise self._refused(path, f"no value of enum is of the type {kind!r}; write the values as what they are")


def _split(text: str, at: str) -> list[str]:
    """The text at a sign, where no bracket is open."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == at and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _said(properties: Json) -> dict[str, bool]:
    """Parameters that say themselves whether they are required."""
    said: dict[str, bool] = {}
    for name, sub in properties.items():
        if is_json(sub) and isinstance(sub.get("required"), bool):
            said[name] = sub["required"]
        elif is_json(sub) and isinstance(sub.get("optional"), bool):
            said[name] = not sub["optional"]
    return said


def _without_flags(sub: Any) -> Any:
    if not is_json(sub):
        return sub
    return {k: v for k, v in sub.items() if not (k in ("required", "optional") and isinstance(v, bool))}


def _fits(value: Any, kinds: list[str]) -> bool:
    match value:
        case bool():
            return "boolean" in kinds
        case None:
            return "null" in kinds
        case int() | float():
            whole = isinstance(value, int) or value.is_integer()
            return "number" in kinds or ("integer" in kinds and whole)
        case str():
            return "string" in kinds
        case _:
            return ("array" if is_list(value) else "object") in kinds
