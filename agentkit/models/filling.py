"""Which tools a text asks for, and what of it fills a schema: the rules of the offline model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from agentkit.chat import FunctionDefinition, Json

_WORD = re.compile(r"[a-z]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"[\"“']([^\"”']{2,})[\"”']")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][a-zA-Z]+(?: [A-Z][a-zA-Z]+)*|^[A-Z][a-zA-Z]+(?= and )")
_COMMON = frozenset(
    re.findall(
        r"[a-z]+",
        "a an and are at be by can did do does for from get has have how i in is it me my not of on or please that the "
        "this to tool use was were what when where which who will with you your",
    )
)


def _words(text: str) -> set[str]:
    found = set(_WORD.findall(text.lower())) - _COMMON
    return found | {word[:-1] for word in found if len(word) > 3 and word.endswith("s")}


def calls_for(text: str, tools: Sequence[FunctionDefinition], *, forced: bool) -> list[tuple[str, str]]:
    """(tool, arguments) for each call that the text asks for; with `forced` at least one."""
    words = _words(text)
    scored = [(_score(tool, words, text), tool) for tool in tools]
    best = max((score for score, _ in scored), default=0)
    if best == 0 and not forced:
        return []
    chosen = [tool for score, tool in scored if score == best][:1] if best else list(tools[:1])
    calls: list[tuple[str, str]] = []
    for tool in chosen:
        schema = tool.parameters or {"type": "object", "properties": {}}
        many = _subjects(schema, text)
        subjects: list[str | None] = [*many] or [None]
        for subject in subjects:
            calls.append((tool.name, json.dumps(_object(schema, text, schema, subject))))
    return calls


def _score(tool: FunctionDefinition, words: set[str], text: str) -> int:
    name = _words(tool.name.replace("_", " "))
    about = _words(tool.description or "")
    enums = {str(v).lower() for p in (tool.parameters or {}).get("properties", {}).values() for v in p.get("enum", ())}
    hits = 3 * len(name & words) + len((about - name) & words)
    if hits == 0 and re.search(r"warm|cold|rain|sunny|degrees|forecast", text.lower()) and "weather" in name | about:
        hits = 1
    return hits + (1 if hits and enums & words else 0)


def _subjects(schema: Json, text: str) -> list[str]:
    """Names that the one required text parameter can take in turn: "Boston and Paris" gives two calls."""
    properties = schema.get("properties", {})
    texts = [name for name in schema.get("required", ()) if _kind(properties.get(name, {}), schema) == "string"]
    texts = [name for name in texts if not _choices(properties[name]) and not _nullable(properties[name])]
    names = _NAME.findall(text)
    return names if len(texts) == 1 and len(names) > 1 else []


def filled(schema: Json, text: str) -> str:
    """A JSON text that fits the schema, its values out of the text where there are some."""
    return json.dumps(_value(schema, text, schema, "", None))


def _resolved(schema: Json, root: Json) -> Json:
    while "$ref" in schema:
        schema = root.get("$defs", {}).get(schema["$ref"].rsplit("/", 1)[-1], {})
    return schema


def _nullable(schema: Json) -> bool:
    return any(sub.get("type") == "null" for sub in schema.get("anyOf", ()))


def _choices(schema: Json) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    found = list(schema.get("enum", ()))
    for sub in schema.get("anyOf", ()):
        found += _choices(sub)
    return found


def _kind(schema: Json, root: Json) -> str:
    schema = _resolved(schema, root)
    for sub in schema.get("anyOf", ()):
        if sub.get("type") != "null":
            return _kind(sub, root)
    kind = schema.get("type", "string")
    return str(kind[0] if isinstance(kind, list) else kind)


def _object(schema: Json, text: str, root: Json, subject: str | None) -> Json:
    out: Json = {}
    required = schema.get("required", ())
    for name, sub in schema.get("properties", {}).items():
        said = _mentioned(sub, text, root, name)
        if name in required and not (_nullable(sub) and not said):
            out[name] = _value(sub, text, root, name, subject)
        elif name in required:
            out[name] = None
        elif said:
            out[name] = _value(sub, text, root, name, subject)
    return out


def _mentioned(schema: Json, text: str, root: Json, name: str) -> bool:
    choices = _choices(_resolved(schema, root))
    if choices:
        return any(str(choice).lower() in text.lower() for choice in choices)
    if _kind(schema, root) in ("integer", "number", "string"):
        return bool(re.search(rf"\b{re.escape(name.replace('_', ' '))}\b", text.lower()))
    return False


def _value(schema: Json, text: str, root: Json, name: str, subject: str | None) -> Any:
    schema = _resolved(schema, root)
    choices = _choices(schema)
    if choices:
        return next((c for c in choices if c is not None and str(c).lower() in text.lower()), choices[0])
    for sub in schema.get("anyOf", ()):
        if sub.get("type") != "null":
            return _value(sub, text, root, name, subject)
    match _kind(schema, root):
        case "object":
            return _object(schema, text, root, subject)
        case "array":
            items = [_value(schema.get("items", {}), text, root, name, subject)]
            return items * max(1, schema.get("minItems", 1))
        case "integer":
            return int(_within(schema, _number(text, name)))
        case "number":
            return _within(schema, _number(text, name))
        case "boolean":
            return bool(re.search(rf"\b({re.escape(name)}|yes|true)\b", text.lower()))
        case "null":
            return None
        case _:
            return _string(schema, text, name, subject)


def _number(text: str, name: str) -> float:
    near = re.search(rf"{re.escape(name.replace('_', ' '))}\D{{0,12}}(-?\d+(?:\.\d+)?)", text.lower())
    found = near[1] if near else next(iter(_NUMBER.findall(text)), "1")
    return float(found)


def _within(schema: Json, value: float) -> float:
    low: Any = schema.get("minimum", schema.get("exclusiveMinimum", value))
    high: Any = schema.get("maximum", schema.get("exclusiveMaximum", value))
    return min(max(value, float(low)), float(high))


def _string(schema: Json, text: str, name: str, subject: str | None) -> str:
    if subject is not None:
        return subject
    quoted: list[str] = _QUOTED.findall(text)
    names: list[str] = _NAME.findall(text)
    numbers: list[str] = _NUMBER.findall(text)
    about = f"{name} {schema.get('description', '')}".lower()
    if numbers and re.search(r"\b(id|number|order|no)\b", about.replace("_", " ")):
        return numbers[0]
    found = (quoted or names or numbers or [text])[0].strip()
    longest = schema.get("maxLength")
    return (found[:longest] if longest else found).ljust(schema.get("minLength", 0), "x")
