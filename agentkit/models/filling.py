"""What of a text fills a JSON Schema: names, numbers, quoted words and choices, the offline model's rules."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agentkit.chat import Json, is_list

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_QUOTED = re.compile(r"[\"“']([^\"”']{2,})[\"”']")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][^\W\d_]+"
_NAME = re.compile(rf"(?<![.!?] )(?<!^)\b{_CAPITAL}(?: {_CAPITAL})*|^{_CAPITAL}(?= and )")
_CALENDAR = re.compile(
    r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
    r"|January|February|March|April|May|June|July|August|September|October|November|December"
)
# format: (what it looks like in a text, what is said when the text has none)
_FORMATS = {
    "date": (r"\b\d{4}-\d\d-\d\d\b", "2025-01-01"),
    "date-time": (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?", "2025-01-01T00:00:00Z"),
    "time": (r"\b\d\d:\d\d(?::\d\d)?\b", "00:00:00"),
    "duration": (r"\bP(?:\d+D(?:T\d+[HMS])?|T\d+[HMS])\b", "P1D"),
    "uuid": (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "00000000-0000-4000-8000-000000000000"),
    "email": (r"\b[\w.+-]+@[\w-]+\.[\w.-]*\w", "someone@example.com"),
    "uri": (r"\bhttps?://[^\s\"'<>]*[^\s\"'<>.,;!?]", "https://example.com"),
    "ipv4": (r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "127.0.0.1"),
}


def filled(schema: Json, text: str, subject: str | None = None) -> Any:
    """A value that fits the schema, out of the text where it says something; `subject` is what texts are about."""
    return _Filling(text, schema, subject).value(schema)


def names_in(text: str) -> list[str]:
    """Words with a capital inside a sentence, days and months left out."""
    return [name for name in _NAME.findall(text) if not _CALENDAR.fullmatch(name)]


def quoted(text: str) -> list[str]:
    """What stands in quotes: each is one value, however many names are in it."""
    return list(_QUOTED.findall(text))


def open_text(schema: Json, root: Json) -> bool:
    """Whether a schema takes any text, and must have one."""
    return _kind(schema, root) == "string" and not _choices(schema) and not _nullable(schema)


@dataclass(frozen=True)
class _Filling:
    """One text on its way into one schema. `inside`: the references on the way, which may be circles."""

    text: str
    root: Json
    subject: str | None

    def value(self, schema: Json, name: str = "", inside: tuple[str, ...] = ()) -> Any:
        if "$ref" in schema:
            inside = (*inside, schema["$ref"])
        schema = _resolved(schema, self.root)
        choices = _choices(schema)
        if choices:
            return next(iter(self._said(choices)), choices[0])
        branches = _branches(schema)
        if branches:
            return self.value(next(filter(self._asked_for, branches), branches[0]), name, inside)
        match _kind(schema, self.root):
            case "object":
                return self._object(schema, inside)
            case "array":
                return self._list(schema, name, inside)
            case "integer":
                return int(_within(schema, float(math.floor(self._number(name))), whole=True))
            case "number":
                return _within(schema, self._number(name), whole=False)
            case "boolean":
                return bool(re.search(rf"\b({re.escape(name) or 'yes'}|yes|true)\b", self.text.lower()))
            case "null":
                return None
            case _:
                return self._string(schema, name)

    def _object(self, schema: Json, inside: tuple[str, ...]) -> Json:
        out: Json = {}
        required = schema.get("required", ())
        for name, sub in schema.get("properties", {}).items():
            said = self._mentioned(sub, name)
            if said or (name in required and not _nullable(sub)):
                out[name] = self.value(sub, name, inside)
            elif name in required:
                out[name] = None
        return out

    def _mentioned(self, schema: Json, name: str) -> bool:
        choices = _choices(_resolved(schema, self.root))
        if choices:
            return bool(self._said(choices))
        if _kind(schema, self.root) in ("integer", "number", "string"):
            return bool(re.search(rf"\b{re.escape(name.replace('_', ' '))}\b", self.text.lower()))
        return False

    def _said(self, choices: Iterable[Any]) -> list[Any]:
        return [c for c in choices if c is not None and str(c).lower() in self.text.lower()]

    def _asked_for(self, branch: Json) -> bool:
        properties = _resolved(branch, self.root).get("properties", {})
        return any(self._said(_choices(sub)) for sub in properties.values())

    def _list(self, schema: Json, name: str, inside: tuple[str, ...]) -> list[Any]:
        items = schema.get("items", {})
        least, most = schema.get("minItems", 0), schema.get("maxItems", 20)
        if "prefixItems" in schema:
            return [self.value(sub, name, inside) for sub in schema["prefixItems"]]
        if items.get("$ref") in inside:  # a circle ends as soon as it may
            return [{}] * least
        values = (self._all(items) or [self.value(items, name, inside)])[: max(most, 0)]
        spare = [choice for choice in _choices(_resolved(items, self.root)) if choice not in values]
        while len(values) < least:
            values.append(spare.pop(0) if spare else _other(values[-1], len(values) + 1, schema))
        return values

    def _all(self, items: Json) -> list[Any]:
        """Everything that the text says of a kind, each once."""
        items = _resolved(items, self.root)
        choices = _choices(items)
        if choices:
            return self._said(choices)
        found: list[Any] = []
        kind = _kind(items, self.root)
        if kind == "string" and not {"format", "pattern", "minLength", "maxLength"} & items.keys():
            found = quoted(self.text) or names_in(self.text)
        elif kind in ("integer", "number"):
            numbers = map(float, _NUMBER.findall(self.text))
            found = [_within(items, number, whole=kind == "integer") for number in numbers]
            found = [int(number) for number in found] if kind == "integer" else found
        return list(dict.fromkeys(found))

    def _number(self, name: str) -> float:
        said = rf"{re.escape(name.replace('_', ' '))}\D{{0,12}}(-?\d+(?:\.\d+)?)"
        near = re.search(said, self.text.lower()) if name else None
        return float(near[1] if near else next(iter(_NUMBER.findall(self.text)), "1"))

    def _string(self, schema: Json, name: str) -> str:
        looks, otherwise = _FORMATS.get(schema.get("format", ""), (None, ""))
        looks = looks or str(schema.get("pattern", "")).lstrip("^").rstrip("$") or None
        fitting = re.search(looks, self.text) if looks else None
        if fitting or otherwise:
            return fitting[0] if fitting else otherwise
        found = self.subject if self.subject is not None else self._words(schema, name)
        longest = schema.get("maxLength")
        return (found[:longest] if longest else found).ljust(schema.get("minLength", 0), "x")

    def _words(self, schema: Json, name: str) -> str:
        numbers: list[str] = _NUMBER.findall(self.text)
        about = f"{name} {schema.get('description', '')}".lower()
        if numbers and re.search(r"\b(id|number|order|no)\b", about.replace("_", " ")):
            return numbers[0]
        return str((quoted(self.text) or names_in(self.text) or numbers or [self.text])[0]).strip()


def _resolved(schema: Json, root: Json) -> Json:
    while "$ref" in schema:
        where = schema["$ref"].rsplit("/", 1)[-1]
        schema = root if where == "#" else {**root.get("definitions", {}), **root.get("$defs", {})}.get(where, {})
    for sub in schema.get("allOf", ()):
        more = _resolved(sub, root)
        properties = {**schema.get("properties", {}), **more.get("properties", {})}
        required = [*schema.get("required", ()), *more.get("required", ())]
        schema = {**schema, **more, **({"properties": properties, "required": required} if properties else {})}
    return schema


def _branches(schema: Json) -> list[Json]:
    return [sub for sub in (*schema.get("anyOf", ()), *schema.get("oneOf", ())) if sub.get("type") != "null"]


def _nullable(schema: Json) -> bool:
    kinds = [sub.get("type") for sub in schema.get("anyOf", ())]
    own = schema.get("type")
    return "null" in kinds or (is_list(own) and "null" in own)


def _choices(schema: Json) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    found = list(schema.get("enum", ()))
    for sub in schema.get("anyOf", ()):
        found += _choices(sub)
    return found


def _kind(schema: Json, root: Json) -> str:
    schema = _resolved(schema, root)
    for sub in _branches(schema):
        return _kind(sub, root)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if is_list(kind):
        kind = next((each for each in kind if each != "null"), "null")
    return str(kind)


def _within(schema: Json, value: float, *, whole: bool) -> float:
    """The nearest number that the schema allows."""
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    room = 1.0 if whole or above is None or below is None else (below - above) / 2
    if above is not None:
        low = above + room
    if below is not None:
        high = below - room
    step = schema.get("multipleOf")
    if step:
        value = round(value / step) * step
        low = low if low is None else math.ceil(low / step) * step
        high = high if high is None else math.floor(high / step) * step
    value = value if low is None else max(value, float(low))
    return value if high is None else min(value, float(high))


def _other(value: Any, number: int, schema: Json) -> Any:
    """One more item: another one where items must differ."""
    if not schema.get("uniqueItems") or not isinstance(value, (str, int, float)):
        return value
    return f"{value} {number}" if isinstance(value, str) else value + 1
