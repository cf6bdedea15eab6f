"""A client's request, checked whole before anything runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import from_json
from starlette.requests import Request

from agentkit.chat import (
    AssistantMessage,
    ChatRequest,
    DeveloperMessage,
    Json,
    Message,
    SystemMessage,
    ToolMessage,
    is_json,
)
from agentkit.errors import ConfigurationError

from .failure import Refusal
from .service import ID, Service

EXTENSION = "agentkit"  # the one field that is not the API's
_WORD = re.compile(r"[a-z_]+")
_PLACE = re.compile(r"\.(\d+)\b(?:\.(?:developer|system|user|assistant|tool|function)\b)?")


@dataclass(frozen=True)
class Asked:
    """A valid request: the page's parameters, the session it belongs to, and whether the agent's own calls are told."""

    chat: ChatRequest
    body: Json
    session: str | None = None
    steps: bool = False


async def read_json(request: Request) -> Json:
    """The body as a JSON object. Raises Refusal."""
    try:
        body = from_json(await request.body(), allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}", code="invalid_json") from None
    if not is_json(body):
        raise Refusal(400, "the body is not a JSON object", code="invalid_json")
    return body


def read_asked(service: Service, request: Request, body: Json) -> Asked:
    """The request in a body. Raises Refusal with the parameter that is wrong."""
    given = {name: value for name, value in body.items() if value is not None}  # null is absent
    extension = given.pop(EXTENSION, {})
    try:
        chat = ChatRequest(**given)
    except ConfigurationError as error:
        raise invalid(error) from None
    if not is_json(extension) or extension.keys() - {"steps"} or not isinstance(extension.get("steps", False), bool):
        raise Refusal(400, "agentkit takes {'steps': true} or nothing", param=EXTENSION, code="invalid_value")
    for name in ("functions", "function_call"):
        if name in given:
            raise Refusal(400, f"{name} is deprecated; use tools and tool_choice", param=name, code="unsupported")
    _check_metadata(chat.metadata or {})
    _check_messages(service, chat.messages)
    return Asked(chat, given, _session(request, chat), extension.get("steps", False))


def invalid(error: ConfigurationError, param: str | None = None) -> Refusal:
    """The refusal of a request that broke a rule of the API page, with the parameter that did."""
    message = str(error).replace("ChatRequest.", "").replace("ChatRequest: ", "")
    if param is None:
        place = _PLACE.sub(r"[\1]", message.partition(":")[0])
        named = (word for word in _WORD.findall(message) if word in ChatRequest.model_fields)
        param = place if place.partition("[")[0].partition(".")[0] in ChatRequest.model_fields else next(named, None)
    return Refusal(400, message, param=param, code="invalid_value")


def read_metadata(body: Json) -> dict[str, str]:
    """The metadata in a body. Raises Refusal."""
    found: object = body.get("metadata") or {}
    if not is_json(found):
        raise Refusal(400, "metadata is an object of texts", param="metadata", code="invalid_value")
    _check_metadata(found)
    return found


def _check_metadata(metadata: Json) -> None:
    if len(metadata) > 16:
        raise Refusal(400, "metadata holds at most 16 pairs", param="metadata", code="invalid_value")
    for key, value in metadata.items():
        if len(key) > 64 or not isinstance(value, str) or len(value) > 512:
            told = "metadata has keys of at most 64 characters and texts of at most 512"
            raise Refusal(400, told, param="metadata", code="invalid_value")


def _session(request: Request, chat: ChatRequest) -> str | None:
    header, named = request.headers.get("x-session-id"), (chat.metadata or {}).get("session")
    if header and named and header != named:
        raise Refusal(400, "X-Session-Id and metadata.session name two sessions", param="metadata", code="invalid_id")
    session = header or named
    if session is not None and not ID.match(session):
        raise Refusal(400, "a session's id is 1 to 128 of A-Z a-z 0-9 _ -", param="metadata", code="invalid_id")
    return session


def _check_messages(service: Service, messages: Sequence[Message]) -> None:
    """Every call answered right after it, no result without its call, no instructions where they are refused."""
    owed: set[str] = set()
    for position, message in enumerate(messages):
        where = f"messages[{position}]"
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in owed:
                told = f"{where}: a tool message must follow the assistant message whose call it answers"
                raise Refusal(400, told, param=f"{where}.tool_call_id", code="invalid_value")
            owed.discard(message.tool_call_id)
            continue
        _check_paid(owed, where)
        if isinstance(message, AssistantMessage):
            owed = {call.id for call in message.tool_calls or ()}
        if isinstance(message, SystemMessage | DeveloperMessage) and service.client_instructions == "refuse":
            told = f"{where}: this server takes no {message.role} messages"
            raise Refusal(400, told, param=f"{where}.role", code="instructions_refused")
    _check_paid(owed, f"messages[{len(messages)}]")


def _check_paid(owed: set[str], where: str) -> None:
    if owed:
        told = f"{where}: tool messages must answer every call first; missing: {', '.join(sorted(owed))}"
        raise Refusal(400, told, param="messages", code="invalid_value")
