"""The API page that the project was founded on, as data: its parameter rows and its examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[1] / "data" / "seed" / "page.txt").read_text()
_KIND = r"(?:object|string|stirng|array|arrary|number|integer|boolean|map)"
_ROW = re.compile(rf"^([A-Za-z_ ]+?)\s*(?=[^\x00-\x7f(]|\d |\().*?\b([1-7]) {_KIND}")
_TWICE = re.compile(r"(?<=^id) toolcall$|(?<=^type) tool$| JSON$")  # the remarks of these rows begin with a Latin word


def parameter_rows() -> list[str]:
    """The rows of the request table as dotted paths, in their order."""
    table = PAGE[PAGE.index("字段 含义") : PAGE.index("返回结果\n")]
    remarks = re.compile(
        r"\n(include_usage .*?\n2 boolean)", re.DOTALL
    )  # the one row whose remarks stand before its kind
    table = remarks.sub(lambda match: "\n" + match[1].replace("\n", " "), table)
    paths: list[str] = []
    above: list[str] = []
    for line in table.splitlines()[1:]:
        row = _ROW.match(line)
        if row:
            above = [*above[: int(row[2]) - 1], _TWICE.sub("", row[1].strip())]
            paths.append(".".join(above))
    return paths


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
