"""One operation as a tool: its parameters as one schema, its arguments as one HTTP request."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from agentkit.chat import Json, is_json, is_list
from agentkit.errors import ConfigurationError, ToolError

from .openapi_description import Description, Operation, as_object
from .source import wire_name

_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
_NOT_HERE = ("accept", "content-type", "authorization", "cookie", "host", "content-length", "transfer-encoding")
_RESERVED = ":/?[]@!$'()*,;="  # what may stand in a query as it is; not what ends it or splits it


@dataclass(frozen=True)
class Prepared:
    """A request before it is sent: relative to the base URL, without credentials."""

    path: str
    query: str
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes | None


@dataclass(frozen=True)
class _Place:
    """Where one argument goes, and how it is written there."""

    location: str
    name: str
    style: str
    explode: bool
    reserved: bool
    as_json: bool


class Request:
    """The plan of an operation: the schema of its arguments, and what becomes of each."""

    def __init__(self, operation: Operation, description: Description, hidden: Collection[tuple[str, str]]) -> None:
        self.operation = operation
        self._places: dict[str, _Place] = {}
        self._media, self._body_name = "", ""
        self._encoding: Json = {}
        definitions: Json = {}
        properties: Json = {}
        required: list[str] = []
        for parameter in description.parameters(operation):
            place = _place(parameter)
            if place is None or (place.location, place.name.lower()) in hidden:
                continue
            name = wire_name(place.name, properties)
            if place.name in {other.name for other in self._places.values()}:
                name = wire_name(f"{place.location}_{place.name}", properties)
            self._places[name] = place
            properties[name] = _described(description.schema(_schema(parameter), definitions), parameter)
            if parameter.get("required") is True or place.location == "path":
                required.append(name)
        self._add_body(description, properties, required, definitions)
        self.parameters: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            self.parameters["required"] = required
        if definitions:
            self.parameters["$defs"] = definitions
        self._check_path()

    def _add_body(self, description: Description, properties: Json, required: list[str], definitions: Json) -> None:
        if "requestBody" not in self.operation.body:
            return
        body = description.followed(self.operation.body["requestBody"])
        content = as_object(body.get("content"))
        media = next(filter(None, (next(filter(test, content), None) for test in _MEDIA)), None)
        if media is None:
            raise ConfigurationError(f"its body is {', '.join(content) or 'of no type'}, which cannot be written")
        entry = description.followed(content[media])
        self._media, self._encoding = media, as_object(entry.get("encoding"))
        self._body_name = "body" if "body" not in properties else "request_body"
        properties[self._body_name] = _described(description.schema(entry.get("schema", {}), definitions), body)
        if body.get("required") is True:
            required.append(self._body_name)

    def _check_path(self) -> None:
        wanted = set(re.findall(r"\{([^{}]+)\}", self.operation.path))
        given = {place.name for place in self._places.values() if place.location == "path"}
        if wanted != given:
            names = ", ".join(sorted(wanted ^ given))
            raise ConfigurationError(f"its path {self.operation.path!r} and its path parameters differ in {names}")

    def prepared(self, arguments: Json) -> Prepared:
        """The request of these arguments. Raises ToolError for values that a URL or a header cannot hold."""
        path, query = self.operation.path, list[str]()
        headers, cookies = dict[str, str](), dict[str, str]()
        for name, place in self._places.items():
            if name not in arguments or (arguments[name] is None and place.location != "path"):
                continue
            value = json.dumps(arguments[name], separators=(",", ":")) if place.as_json else arguments[name]
            if place.location == "path":
                path = path.replace(f"{{{place.name}}}", _in_path(place, value))
            elif place.location == "query":
                query += _in_query(place, value)
            elif place.location == "header":
                headers[place.name] = _header_value(name, _simple(value, place.explode, _plain))
            else:
                cookies[place.name] = quote(_simple(value, False, _plain), safe="")
        if any(part in (".", "..") for part in path.replace("%2E", ".").split("/")):
            raise ToolError("a path argument may not be '.' or '..'")
        body: bytes | None = None
        if self._body_name in arguments:
            body, media = _body(arguments[self._body_name], self._media, self._encoding)
            headers["content-type"] = media
        return Prepared(path, "&".join(query), headers, cookies, body)


_MEDIA: tuple[Callable[[str], bool], ...] = (
    lambda media: media.split(";")[0].strip() == "application/json",
    lambda media: media.split(";")[0].strip().endswith("+json"),
    lambda media: media.startswith("application/x-www-form-urlencoded"),
    lambda media: media.startswith("multipart/form-data"),
    lambda media: media.startswith("text/"),
    lambda media: media.startswith("application/octet-stream") or media == "*/*",
)


def _place(parameter: Json) -> _Place | None:
    """Where a parameter goes; None for headers that are not a parameter's to set."""
    location, name = str(parameter.get("in")), str(parameter.get("name", ""))
    if location not in _STYLES or not name:
        raise ConfigurationError(f"its parameter {name!r} is in {location!r}, which is no place")
    if location == "header" and name.lower() in _NOT_HERE:
        return None
    style = str(parameter.get("style") or _STYLES[location][0])
    if style not in _STYLES[location]:
        raise ConfigurationError(f"its parameter {name!r} has the style {style!r}, which a {location} does not know")
    explode = bool(parameter.get("explode", style == "form"))
    return _Place(location, name, style, explode, parameter.get("allowReserved") is True, "content" in parameter)


def _schema(parameter: Json) -> Any:
    content = parameter.get("content")
    if is_json(content) and content:
        inner: Any = next(iter(content.values()))
        return inner.get("schema", {}) if is_json(inner) else {}
    return parameter.get("schema", {})


def _described(schema: Any, about: Json) -> Any:
    text = about.get("description")
    return {**schema, "description": text} if is_json(schema) and isinstance(text, str) and text else schema


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, separators=(",", ":"))


def _quoted(value: Any) -> str:
    return quote(_plain(value), safe="")


def _simple(value: Any, explode: bool, text: Callable[[Any], str]) -> str:
    if is_list(value):
        return ",".join(map(text, value))
    if is_json(value):
        return ",".join(f"{text(key)}{'=' if explode else ','}{text(item)}" for key, item in value.items())
    return text(value)


def _in_path(place: _Place, value: Any) -> str:
    many = is_list(value) or is_json(value)
    if not (len(value) if many or isinstance(value, str) else value is not None):
        raise ToolError(f"{place.name}: a path argument may not be empty")
    if place.style == "simple":
        return _simple(value, place.explode, _quoted)
    sign = "." if place.style == "label" else ";"
    name = "" if place.style == "label" else f"{place.name}="
    if not many or not place.explode:
        return f"{sign}{name}{_simple(value, False, _quoted)}"
    if is_json(value):
        return "".join(f"{sign}{_quoted(key)}={_quoted(item)}" for key, item in value.items())
    return "".join(f"{sign}{name}{_quoted(item)}" for item in value)


def _in_query(place: _Place, value: Any) -> list[str]:
    def text(item: Any) -> str:
        return quote(_plain(item), safe=_RESERVED if place.reserved else "")

    name = quote(place.name, safe="[]")
    if place.style == "deepObject" and is_json(value):
        return [f"{name}[{_quoted(key)}]={text(item)}" for key, item in value.items()]
    if is_list(value) and place.explode:
        return [f"{name}={text(item)}" for item in value]
    if is_json(value) and place.explode:
        return [f"{_quoted(key)}={text(item)}" for key, item in value.items()]
    if is_list(value) and place.style in ("spaceDelimited", "pipeDelimited"):
        return [f"{name}={('%20' if place.style == 'spaceDelimited' else '%7C').join(map(text, value))}"]
    return [f"{name}={_simple(value, False, text)}"]


def _header_value(name: str, text: str) -> str:
    if any(not " " <= sign <= "~" for sign in text):
        raise ToolError(f"{name}: a header holds only printable ASCII")
    return text


def _body(value: Any, media: str, encoding: Json) -> tuple[bytes, str]:
    """The bytes of a body and its content type."""
    kind = media.split(";")[0].strip()
    if kind == "application/json" or kind.endswith("+json"):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), media
    if kind == "application/x-www-form-urlencoded":
        return "&".join(_form(value, encoding)).encode(), kind
    if kind == "multipart/form-data":
        return _multipart(value, encoding)
    return _plain(value).encode(), "application/octet-stream" if kind == "*/*" else media


def _form(value: Any, encoding: Json) -> list[str]:
    pairs: list[str] = []
    for name, item in (value if is_json(value) else {}).items():
        told = as_object(encoding.get(name))
        style = str(told.get("style") or "form")
        place = _Place("query", name, style, bool(told.get("explode", style == "form")), False, False)
        nested = is_json(item) and "style" not in told
        pairs += _in_query(place, json.dumps(item, separators=(",", ":")) if nested else item)
    return pairs


def _multipart(value: Any, encoding: Json) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    parts: list[bytes] = []
    for name, item in (value if is_json(value) else {}).items():
        for single in item if is_list(item) else [item]:
            kind = str(as_object(encoding.get(name)).get("contentType") or "").split(",")[0].strip()
            kind = kind or ("application/json" if is_json(single) else "")
            field = quote(name, safe=" ")
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"'
            head += f'; filename="{field}"\r\nContent-Type: {kind}' if kind else ""
            parts.append(f"{head}\r\n\r\n{_plain(single)}\r\n".encode())
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"
