"""The API page that the project was founded on, as data: its parameter rows and its examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

PAGE = (Path(__file__).parents[1] / "data" / "seed" / "page.txt").read_text()
_KIND = r"(?:object|string|stirng|array|arrary|number|integer|boolean|map)"
_ROW = re.compile(rf"^([A-Za-z_ ]+?)\s*(?=[^\x00-\x7f(]|\d |\().*?\b([1-7]) {_KIND}")
_TWICE = re.compile(r"(?<=^id) toolcall$|(?<=^type) tool$| JSON$")  # the remarks of these rows begin with a Latin word


_ENGLISH = {
    "Developer message": "developer",
    "System message": "system",
    "User message": "user",
    "Assistant message": "assistant",
    "Tool message": "tool",
    "Text content": "string",
    "Array of content parts": "array",
    "Text content part": "text_part",
    "Image content part": "image_part",
    "Refusal content part": "refusal_part",
    "Function tool call": "call",
    "Text": "text",
    "JSON schema": "json_schema",
    "JSON object": "json_object",
    "Tool choice mode": "mode",
    "Function tool choice": "named",
    "Function tool": "function_tool",
}


class ParameterRow(NamedTuple):
    """A row of the request table: its dotted path, and its first two words as they are printed."""

    path: str
    words: str


def parameter_rows() -> list[ParameterRow]:
    """The rows of the request table, in their order."""
    table = PAGE[PAGE.index("字段 含义") : PAGE.index("返回结果\n")]
    remarks = re.compile(
        r"\n(include_usage .*?\n2 boolean)", re.DOTALL
    )  # the one row whose remarks stand before its kind
    table = remarks.sub(lambda match: "\n" + match[1].replace("\n", " "), table)
    rows: list[ParameterRow] = []
    above: list[str] = []
    for line in table.splitlines()[1:]:
        row = _ROW.match(line)
        if row:
            field = _TWICE.sub("", row[1].strip())
            above = [*above[: int(row[2]) - 1], _ENGLISH.get(field, field)]
            rows.append(ParameterRow(".".join(above), " ".join(line.split()[:2])))
    return rows


def example_requests() -> dict[str, dict[str, Any]]:
    """The bodies of the page's curl examples, by the title above them."""
    found = re.findall(r"(\w+)请求\n\n示例代码\n.*?-d '(\{.*?\})'\n", PAGE, re.DOTALL)
    return {title: json.loads(body) for title, body in found}


def example_responses() -> dict[str, dict[str, Any]]:
    """The page's unstreamed answers, by the title above them."""
    decoder = json.JSONDecoder()
    found: dict[str, dict[str, Any]] = {}
    for match in re.finditer(r"(\w+)响应结果\n+(?=\{)", PAGE):
        if match[1] != "Streaming":
            found[match[1]], _ = decoder.raw_decode(PAGE, match.end())
    return found


def example_chunks() -> list[dict[str, Any]]:
    """The page's streamed answer, which it prints without `data:`."""
    start = PAGE.index("Streaming响应结果")
    lines = PAGE[start : PAGE.index("Functions请求")].splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
