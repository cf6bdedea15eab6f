"""The API page that the project was founded on, as data: its parameter rows and its examples."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
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


def field_paths(*bodies: dict[str, Any]) -> list[str]:
    """The dotted paths of all fields that these answers or chunks have, in the order of their first place."""
    found: dict[str, None] = {}

    def walk(value: Any, path: str) -> None:
        for item in value if isinstance(value, list) else ():
            walk(item, path)
        for key, item in value.items() if isinstance(value, dict) else ():
            found[f"{path}.{key}".lstrip(".")] = None
            walk(item, f"{path}.{key}")

    for body in bodies:
        walk(body, "")
    return list(found)


def snippet(title: str, language: str) -> str:
    """One of the page's programs."""
    after = {"python": "node js", "node js": "csharp", "csharp": title}[language]
    ends = "响应结果" if language == "csharp" else "请求"
    section = PAGE[PAGE.index(f"\n{title}请求\n") :]
    return section[section.index(f"{language}请求\n") + len(language) + 3 : section.index(f"\n{after}{ends}\n")]


def python_request(title: str) -> dict[str, Any]:
    """What the python program hands to `create`."""
    tree = ast.parse(snippet(title, "python"))
    made: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with suppress(ValueError):  # calls are no literals
                made[node.targets[0].id] = ast.literal_eval(node.value)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    create = next(call for call in calls if call.func.attr == "create")  # type: ignore[attr-defined]
    given = ((keyword.arg, keyword.value) for keyword in create.keywords)
    return {
        str(name): made[value.id] if isinstance(value, ast.Name) else ast.literal_eval(value) for name, value in given
    }


def node_request(title: str) -> dict[str, Any]:
    """What the node program hands to `create`."""
    code = snippet(title, "node js")
    made = {name: _javascript(value) for name, value in re.findall(r"const (\w+) = (\[.*?\n?\s*\]);", code, re.DOTALL)}
    (given,) = re.findall(r"\.create\((\{.*?\})\);", code, re.DOTALL)
    for name in made:
        given = given.replace(f"{name}: {name},", f'{name}: "{name}",')
    request: dict[str, Any] = _javascript(given)
    return {name: made.get(name, value) for name, value in request.items()}


def csharp_request(title: str) -> dict[str, Any]:
    """What the C# program sends: its names for the fields are its own."""
    code = snippet(title, "csharp")
    said = re.findall(r'new (\w+)ChatMessage\("(.*?)"\)', code)
    (model,) = re.findall(r'model: "(.*?)"', code)
    sent: dict[str, Any] = {"model": model, "messages": [{"role": who.lower(), "content": text} for who, text in said]}
    if "CompleteChatStreamingAsync" in code:
        sent["stream"] = True
    for name, description, schema in re.findall(
        r'functionName: "(.*?)",.*?functionDescription: "(.*?)",.*?"""(.*?)"""', code, re.DOTALL
    ):
        function = {"name": name, "description": description, "parameters": json.loads(schema)}
        sent |= {"tools": [{"type": "function", "function": function}]}
    if "ToolChoice = ChatToolChoice.CreateAutoChoice()" in code:
        sent["tool_choice"] = "auto"
    for count in re.findall(r"IncludeLogProbabilities = true,\s*TopLogProbabilityCount = (\d+)", code):
        sent |= {"logprobs": True, "top_logprobs": int(count)}
    return sent


def printed_requests() -> dict[str, dict[str, Any]]:
    """All requests that the page prints, by title and language."""
    curl = example_requests()
    makers = {"curl": curl.__getitem__, "python": python_request, "node": node_request, "csharp": csharp_request}
    return {f"{title.lower()}.{name}": make(title) for title in curl for name, make in makers.items()}


def _javascript(text: str) -> Any:
    """A literal that is JSON but for bare keys and trailing commas."""
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', text)))
