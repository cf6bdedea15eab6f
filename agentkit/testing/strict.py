"""What the strictest of servers refuse in a request."""

from __future__ import annotations

import re

from agentkit.chat import (
    AssistantMessage,
    ChatRequest,
    CustomToolCall,
    DeveloperMessage,
    Json,
    SystemMessage,
    ToolMessage,
    is_object,
)
from agentkit.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def strict_problem(request: Json) -> str | None:
    """Why a strict server refuses this request body; None when it takes it."""
    try:
        messages = ChatRequest(**request).messages
    except ConfigurationError as error:
        return str(error)
    owed: list[str] = []  # the calls that still need their result, in order
    for position, message in enumerate(messages):
        where = f"messages.{position}"
        if isinstance(message, ToolMessage):
            if not owed or message.tool_call_id != owed[0]:
                return f"{where}: the result of {message.tool_call_id!r} where {owed[:1] or 'no result'} was due"
            if not isinstance(message.content, str):
                return f"{where}: the content of a tool message is one text"
            owed.pop(0)
            continue
        if owed:
            return f"{where}: a {message.role} message where the results of {owed} were due"
        if isinstance(message, (SystemMessage, DeveloperMessage)) and not _first(messages[:position]):
            return f"{where}: a {message.role} message after the conversation began"
        if isinstance(message, AssistantMessage):
            problem = _calls_problem(message)
            if problem is not None:
                return f"{where}: {problem}"
            owed = [call.id for call in message.tool_calls or ()]
    return f"the results of {owed} are missing" if owed else None


def _first(before: tuple[object, ...]) -> bool:
    return all(isinstance(message, (SystemMessage, DeveloperMessage)) for message in before)


def _calls_problem(message: AssistantMessage) -> str | None:
    ids = [call.id for call in message.tool_calls or ()]
    if len(set(ids)) != len(ids) or not all(ids):
        return f"the ids of the calls are not each their own: {ids}"
    for call in message.tool_calls or ():
        if not _NAME.match(call.name):
            return f"{call.name!r} is no name of a function"
        if not isinstance(call, CustomToolCall) and not is_object(call.text):
            return f"the arguments of {call.name!r} are no JSON object: {call.text[:40]!r}"
    return None
