"""The server's own OpenAPI document, made from the types that check its requests and write its answers."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from agentkit.chat import ChatCompletion, ChatCompletionChunk, ChatRequest, Json

from .conversations import Seen
from .decisions import Decisions
from .runs import Start
from .service import ID_PATTERN, Service
from .shapes import ANSWERS, EVENTS

_REF = "#/components/schemas/"
_FAILURES = (400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 502, 503, 504)
_NULLABLE = {"anyOf": [{"type": "string"}, {"type": "null"}]}
_ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": _NULLABLE,
                "code": _NULLABLE,
            },
        }
    },
}


def description(service: Service) -> Json:
    """The document of this service: its routes, what they take, what they answer."""
    agents = list(service.agents)
    components: Json = {**_schemas(), "Error": _ERROR, "Metadata": _metadata(), "Nothing": {"type": "object"}}
    components["ChatRequest"]["properties"]["model"]["enum"] = agents
    components["Start"]["properties"]["agent"]["enum"] = agents
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Agents as Chat Completions endpoints", "version": "1"},
        "paths": {**_paths(agents), **_paths_of_page(service)},
        "components": {"schemas": components},
    }
    if service.keys or service.page_token:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    if service.keys:
        document["security"] = [{"key": []}]
    return document


def _schemas() -> Json:
    """The types by their names, and `RunEvent`: each event has its class's name and fields, a number and a time."""
    types: tuple[Any, ...] = (ChatRequest, ChatCompletion, ChatCompletionChunk, Decisions, Seen, Start, *ANSWERS)
    named: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (kind.__name__, "validation", TypeAdapter(kind)) for kind in (*types, *EVENTS)
    ]
    found, shared = TypeAdapter.json_schemas(named, ref_template=_REF + "{model}")
    schemas: Json = shared["$defs"]
    for (name, _), schema in found.items():
        if "$ref" not in schema:
            schemas[name] = schema
    for name in (event.__name__ for event in EVENTS):
        fields = schemas[name].get("properties", {})
        schemas[name]["properties"] = {"event": {"const": name}, **fields}
        schemas[name]["required"] = ["event", *schemas[name].get("required", ())]
    place = {"n": {"type": "integer"}, "at": {"type": "number", "description": "Seconds since 1970."}}
    told = [{"$ref": _REF + event.__name__} for event in EVENTS]
    event = {"type": "object", "required": ["n"], "properties": place, "oneOf": told, "unevaluatedProperties": False}
    schemas["RunEvent"] = event
    return schemas


def _paths(models: list[str]) -> Json:
    completion = {**_json("ChatCompletion"), **_stream("ChatCompletionChunk", "Error", end="[DONE]")}
    complete = _operation(completion, body="ChatRequest")
    stored = _operation(_json("ChatCompletion"))
    id, named = [_id("id")], [_parameter("model", "path", {"enum": models})]
    page = [
        _parameter("after", "query", {"type": "string"}),
        _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 100}),
        _parameter("order", "query", {"enum": ["asc", "desc"]}),
    ]
    listed = _operation({"application/json": {"schema": _list()}})
    described = _operation(_json("ChatCompletion"), body="Metadata")
    deleted = _operation({"application/json": {"schema": {"type": "object", "required": ["id", "object", "deleted"]}}})
    return {
        "/v1/models": {"get": listed},
        "/v1/models/{id}": {
            "get": {**_operation({"application/json": {"schema": {"type": "object"}}}), "parameters": id}
        },
        "/v1/chat/completions": {"post": complete, "get": {**listed, "parameters": page}},
        "/v1/ai/{model}/chat/completions": {"post": {**complete, "parameters": named}},
        "/v1/chat/completions/{id}": {"parameters": id, "get": stored, "post": described, "delete": deleted},
        "/v1/chat/completions/{id}/messages": {"get": {**listed, "parameters": [*id, *page]}},
        "/v1/runs/{id}/decisions": {"post": {**_operation(completion, body="Decisions"), "parameters": id}},
    }


def _paths_of_page(service: Service) -> Json:
    """What the page is built on."""
    run, session = [_id("run")], [_id("session")]
    after = _parameter("after", "query", {"type": "integer", "minimum": 0, "maximum": 10**15 - 1})
    search = _parameter("search", "query", {"type": "string"})
    lines = {"type": "string", "description": "The journal, an entry in each line."}
    begun = _json("Begun")
    paths: Json = {
        "/agentkit/agents": {"get": _operation(_json("ServedAgents"))},
        "/agentkit/runs": {"post": _operation(begun, body="Start", status=201)},
        "/agentkit/runs/{run}/events": {"get": {**_operation(_stream("RunEvent")), "parameters": [*run, after]}},
        "/agentkit/runs/{run}/cancel": {
            "parameters": run,
            "post": _operation(_json("Cancelling"), body="Nothing", status=202),
        },
        "/agentkit/sessions": {"get": {**_operation(_json("SessionRows")), "parameters": [search]}},
        "/agentkit/sessions/{session}": {
            "parameters": session,
            "get": _operation(_json("SessionAsKept")),
            "delete": _operation(None, status=204),
        },
        "/agentkit/sessions/{session}/export": {
            "parameters": session,
            "get": _operation({"application/x-ndjson": {"schema": lines}}),
        },
        "/agentkit/sessions/{session}/decisions": {
            "parameters": session,
            "post": _operation(begun, body="Seen", status=201),
        },
    }
    if service.page_token and not service.keys:
        for operation in (item[method] for item in paths.values() for method in item if method != "parameters"):
            operation["security"] = [{"key": []}]
    return paths


def _operation(content: Json | None, *, body: str | None = None, status: int = 200) -> Json:
    failed = {"description": "refused", "content": _json("Error")}
    answered = {"description": "answered"} if content is None else {"description": "answered", "content": content}
    responses: Json = {str(status): answered, **{str(failure): failed for failure in _FAILURES}}
    if body is None:
        return {"responses": responses}
    return {"requestBody": {"required": True, "content": _json(body)}, "responses": responses}


def _json(name: str) -> Json:
    return {"application/json": {"schema": {"$ref": _REF + name}}}


def _stream(*names: str, end: str | None = None) -> Json:
    """Server-sent events, of which OpenAPI 3.1 describes each: its data is JSON of one of these types, or the end."""
    data = [
        {"type": "string", "contentMediaType": "application/json", "contentSchema": {"$ref": _REF + name}}
        for name in names
    ]
    ends = [] if end is None else [{"const": end}]
    event = {"type": "object", "required": ["data"], "properties": {"data": {"anyOf": [*ends, *data]}}}
    return {"text/event-stream": {"schema": event}}


def _id(name: str) -> Json:
    return _parameter(name, "path", {"type": "string", "pattern": f"^{ID_PATTERN}$"})


def _parameter(name: str, place: str, schema: Json) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _list() -> Json:
    rows = {"type": "array", "items": {"type": "object", "required": ["id"]}}
    return {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"}, "data": rows}}


def _metadata() -> Json:
    pairs = {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 512}}
    return {"type": "object", "properties": {"metadata": pairs}}
