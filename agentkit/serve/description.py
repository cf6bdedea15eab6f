"""The server's own OpenAPI document, made from the types that check its requests and write its answers."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from agentkit.chat import ChatCompletion, ChatCompletionChunk, ChatRequest, Json

from .decisions import Decisions
from .service import ID, Service

_REF = "#/components/schemas/"
_FAILURES = (400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 502, 504)
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
    types: list[Any] = [ChatRequest, ChatCompletion, ChatCompletionChunk, Decisions]
    _, schemas = models_json_schema([(kind, "validation") for kind in types], ref_template=_REF + "{model}")
    components: Json = {**schemas["$defs"], "Error": _ERROR, "Metadata": _metadata()}
    components["ChatRequest"]["properties"]["model"]["enum"] = list(service.agents)
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "Agents as Chat Completions endpoints", "version": "1"},
        "paths": _paths(list(service.agents)),
        "components": {"schemas": components},
    }
    if service.keys:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
    return document


def _paths(models: list[str]) -> Json:
    completion = {"application/json": _ref("ChatCompletion"), "text/event-stream": {"schema": {"type": "string"}}}
    complete = _operation(completion, body="ChatRequest")
    stored = _operation({"application/json": _ref("ChatCompletion")})
    id = [_parameter("id", "path", {"type": "string", "pattern": f"^{ID.pattern.removesuffix(chr(92) + 'Z')}$"})]
    named = [_parameter("model", "path", {"enum": models})]
    page = [
        _parameter("after", "query", {"type": "string"}),
        _parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 100}),
        _parameter("order", "query", {"enum": ["asc", "desc"]}),
    ]
    listed = _operation({"application/json": {"schema": _list()}})
    described = _operation({"application/json": _ref("ChatCompletion")}, body="Metadata")
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


def _operation(content: Json, *, body: str | None = None) -> Json:
    failed = {"description": "refused", "content": {"application/json": _ref("Error")}}
    responses: Json = {"200": {"description": "answered", "content": content}}
    responses |= {str(status): failed for status in _FAILURES}
    if body is None:
        return {"responses": responses}
    taken = {"required": True, "content": {"application/json": _ref(body)}}
    return {"requestBody": taken, "responses": responses}


def _ref(name: str) -> Json:
    return {"schema": {"$ref": _REF + name}}


def _parameter(name: str, place: str, schema: Json) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _list() -> Json:
    rows = {"type": "array", "items": {"type": "object", "required": ["id"]}}
    return {"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"}, "data": rows}}


def _metadata() -> Json:
    pairs = {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 512}}
    return {"type": "object", "properties": {"metadata": pairs}}
