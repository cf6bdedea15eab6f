"""A client's request, checked whole before anything runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic_core import from_json
from starlette.requests import Request

from agentkit.chat import ChatRequest, Json, Settings, is_json
from agentkit.errors import ConfigurationError

from .failure import Refusal

_OURS = frozenset({"store", "metadata", "stream_options", "tool_choice", "parallel_tool_calls"})
_WORD = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Asked:
    """A valid request, and what the agent is told of it."""

    chat: ChatRequest
    settings: Settings


async def read_json(request: Request) -> Json:
    """The body as a JSON object. Raises Refusal."""
    try:
        body = from_json(await request.body(), allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {error}", code="invalid_json") from None
    if not is_json(body):
        raise Refusal(400, "the body is not a JSON object", code="invalid_json")
    return body


def read_asked(body: Json) -> Asked:
    """The request in a body. Raises Refusal with the parameter that is wrong."""
    given = {name: value for name, value in body.items() if value is not None}  # null is absent
    try:
        chat = ChatRequest(**given)
        settings = Settings(**{name: value for name, value in chat.parameters().items() if name not in _OURS})
    except ConfigurationError as error:
        raise invalid(error) from None
    return Asked(chat, settings)


def invalid(error: ConfigurationError) -> Refusal:
    """The refusal of a request that broke a rule of the API page, with the parameter that did."""
    message = str(error).replace("ChatRequest.", "").replace("ChatRequest: ", "")
    param = next((word for word in _WORD.findall(message) if word in ChatRequest.model_fields), None)
    return Refusal(400, message, param=param, code="invalid_value")
