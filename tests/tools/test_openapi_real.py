"""Real public API descriptions, called against a server made of the same description.

The server knows nothing of agentkit: it takes a request apart by the raw document, and says where each value was.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import yaml

from agentkit import Agent, OpenAPI, ScriptedModel, Tool, ToolError
from tests.loopback import Loopback, Received, whole
from tests.npm import DESCRIPTIONS, npm

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

METHODS = ("get", "put", "post", "delete", "patch", "head")
SOME_OF_GITHUB = ("gists", "issues", "users", "search", "git", "markdown")
KEYS = {"Figma": {"PersonalAccessToken": "figma-secret-1"}, "ShipEngine": {"api_key": "ship-secret-1"}}


def document(api: str) -> dict[str, Any]:
    text = npm(DESCRIPTIONS[api]).read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text) if text.startswith("{") else yaml.safe_load(text)
    return loaded


def followed(root: dict[str, Any], node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        at: Any = root
        for part in node["$ref"][2:].split("/"):
            at = at[unquote(part.replace("~1", "/").replace("~0", "~"))]
        node = at
    return node


PATTERNS = {
    "^se": "se-28529731",
    r"^\d{4}-": "2026-01-31T10:00:00Z",
    "^ssh": "ssh-rsa AAAA",
    "^[a-z0-9]+(_": "ups_ground",
}


def value_for(schema: Any, defs: dict[str, Any], depth: int = 0, needed: frozenset[str] = frozenset()) -> Any:
    """A value that fits, with signs in it that a URL must escape."""
    if not isinstance(schema, dict):
        return "x"
    if "$ref" in schema:
        return value_for(defs[schema["$ref"].rsplit("/", 1)[-1]], defs, depth + 1, needed)
    for key in ("const", "enum", "default"):
        if key in schema:
            return schema[key][0] if key == "enum" else schema[key]
    needed = needed | {*schema.get("required", ())}
    if "allOf" in schema:
        needed |= {name for part in schema["allOf"] for name in part.get("required", ())}
        parts = [value_for(part, defs, depth + 1, needed) for part in schema["allOf"]]
        own = {k: v for k, v in schema.items() if k != "allOf"}
        merged = [*parts, value_for(own, defs, depth)] if own.get("properties") else parts
        return {k: v for part in merged for k, v in part.items()} if isinstance(parts[0], dict) else parts[0]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return value_for(
                {**{k: v for k, v in schema.items() if k == "required"}, **schema[key][0]}, defs, depth + 1
            )
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        wanted = schema.get("properties", {})
        names = wanted if depth < 2 else [n for n in wanted if n in needed]
        return {name: value_for(wanted[name], defs, depth + 1) for name in names}
    if kind == "array":
        return [value_for(schema.get("items", {}), defs, depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return True
    for start, fitting in PATTERNS.items():
        if str(schema.get("pattern", "")).startswith(start):
            return fitting
    text = "a b/ü&=?#%+"
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
    return (text * (1 + least // len(text)))[: max(least, min(most, len(text)))]


def expected(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Api:
    """The server's side: what it understood of each request, by the raw document alone."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.seen: list[dict[str, Any]] = []
        self.routes = [
            (method, path, re.compile(re.sub(r"\\\{[^{}]*\\\}", "([^/]*)", re.escape(path)) + r"\Z"))
            for path, item in root["paths"].items()
            for method in METHODS
            if method in item
        ]

    def understood(self, method: str, path: str, received: Received) -> dict[str, Any]:
        item = self.root["paths"][path]
        split = urlsplit(received.path)
        names = re.findall(r"\{([^{}]*)\}", path)
        route = next(pattern for m, p, pattern in self.routes if (m, p) == (method, path))
        match = route.match(split.path.removeprefix("/v1base"))
        assert match is not None, f"{received.path} is not {path}"
        at_path = dict(zip(names, map(unquote, match.groups()), strict=True))
        query = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
        found: dict[str, Any] = {}
        for given in (*item.get("parameters", ()), *item[method].get("parameters", ())):
            parameter = followed(self.root, given)
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                found[f"path {name}"] = [at_path[name]]
            elif place == "query":
                values = [v for k, v in query if k in (name, f"{name}[]")]
                found[f"query {name}"] = values
            elif place == "header":
                found[f"header {name}"] = [received.headers[name.lower()]] if name.lower() in received.headers else []
        if received.body:
            assert received.headers["content-type"].split(";")[0] in (*_media(self.root, item[method]),)
            is_json = "json" in received.headers["content-type"]
            found["body"] = json.loads(received.body) if is_json else received.body.decode()
        return found


def _media(root: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    return list(followed(root, operation.get("requestBody", {})).get("content", {}))


def wanted(
    root: dict[str, Any], operation: Any, item: Any, arguments: dict[str, Any], hidden: set[str]
) -> dict[str, Any]:
    """Where the document wants each argument, derived by hand for the styles that these documents use."""
    out: dict[str, Any] = {}
    for given in (*item.get("parameters", ()), *operation.get("parameters", ())):
        parameter = followed(root, given)
        name, place = parameter["name"], parameter["in"]
        if name in hidden or (place == "header" and name.lower() in ("accept", "authorization", "content-type")):
            continue
        key = re.sub(r"[^A-Za-z0-9_-]", "_", name)
        assert key in arguments, f"{name} is no argument"
        value = arguments[key]
        exploded = isinstance(value, list) and parameter.get("explode", place == "query")
        flat = ",".join(map(expected, value)) if isinstance(value, list) else expected(value)
        out[f"{place} {name}"] = [expected(v) for v in value] if exploded else [flat]
    if "body" in arguments:
        out["body"] = arguments["body"]
    return out


@pytest.mark.parametrize("api", DESCRIPTIONS)
async def test_every_argument_lands_where_the_document_says(api: str) -> None:
    root = document(api)
    by_path: list[Received] = []
    counts = Counter[str]()

    def answer(received: Received) -> Any:
        by_path.append(received)
        return whole({"ok": True})

    server = Loopback(answer)
    try:
        base = server.base_url.removesuffix("/v1") + "/v1base"
        chosen = list(SOME_OF_GITHUB) if api == "GitHub" else []
        source = OpenAPI(root, base_url=base, auth=KEYS.get(api), include=chosen)
        tools = {tool.name: tool for tool in await source.tools()}
        checker = Api(root)
        async with source:
            for path, item in root["paths"].items():
                for method in METHODS:
                    operation = item.get(method)
                    if operation is None:
                        continue
                    name = re.sub(r"[^A-Za-z0-9_-]", "_", operation["operationId"])
                    if name not in tools:
                        counts["left out"] += 1
                        continue
                    await _check(tools[name], api, checker, method, path, item, by_path, counts)
    finally:
        server.close()
    print(api, dict(counts))
    assert counts["called"] >= 50
    assert counts["no value found"] <= counts["called"] // 10  # of schemas that hardly anything fits


async def _check(
    tool: Tool[..., Any],
    api: str,
    checker: Api,
    method: str,
    path: str,
    item: Any,
    got: list[Received],
    counts: Counter[str],
) -> None:
    schema = tool.plain_parameters
    arguments = {name: value_for(sub, schema.get("$defs", {})) for name, sub in schema["properties"].items()}
    try:
        valid = tool.validate(json.dumps(arguments))
    except ToolError as error:
        counts["no value found"] += 1
        print(f"no value found for {tool.name}: {error}"[:300])
        return
    got.clear()
    result = await tool.call(valid, None)  # type: ignore[arg-type]  # this function takes no context
    assert getattr(result, "content", "").startswith('{"ok"') or method == "head"
    (received,) = got
    found = checker.understood(method, path, received)
    operation = item[method]
    hidden = {s["name"] for s in checker.root.get("components", {}).get("securitySchemes", {}).values() if "name" in s}
    assert {k: v for k, v in found.items() if v or k == "body"} == wanted(
        checker.root, operation, item, json.loads(valid.json), hidden
    ), f"{tool.name}: {received.path}"
    counts["called"] += 1
    counts["arguments"] += len(arguments)
    assert tool.effect == {"get": "read", "head": "read", "put": "idempotent", "delete": "idempotent"}.get(
        method, "write"
    )
    if api == "ShipEngine":
        assert received.headers["api-key"] == "ship-secret-1"


async def test_a_whole_run_calls_a_real_description() -> None:
    root = document("ShipEngine")
    requests: list[Received] = []

    def answer(received: Received) -> Any:
        requests.append(received)
        return whole({"carriers": [{"carrier_id": "se-1"}]})

    server = Loopback(answer)
    try:
        source = OpenAPI(root, base_url=server.base_url, auth=KEYS["ShipEngine"], include=["carriers"])
        script = [
            [("list_carriers", {}), ("get_carrier_by_id", {"carrier_id": "se-1"}), ("get_carrier_by_id", {})],
            "done",
        ]
        result = await Agent(ScriptedModel(script), tools=[source]).run("which carriers?")
    finally:
        server.close()
    answers = [str(m.content) for m in result.messages if m.role == "tool"]
    assert sorted(r.path for r in requests) == ["/v1/v1/carriers", "/v1/v1/carriers/se-1"]
    assert "se-1" in answers[0]
    assert "'carrier_id' is a required property" in answers[2]
    assert "ship-secret-1" not in result.state.model_dump_json()
