"""Messages from elsewhere, made sendable: every call answered once, directly after it, in order."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from agentkit.chat import AssistantMessage, Message, ToolMessage

log = logging.getLogger("agentkit")

UNKNOWN = "unknown: the history has no result for this call"


def mended(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The same history with open calls answered `unknown` and results without a call left out; both are logged."""
    pending = list(messages)
    out: list[Message] = []
    while pending:
        message = pending.pop(0)
        if isinstance(message, ToolMessage):
            log.warning("history: a result for call %r answers no call; it is left out", message.tool_call_id)
            continue
        out.append(message)
        if isinstance(message, AssistantMessage) and message.tool_calls:
            answers: dict[str, ToolMessage] = {}
            while pending and isinstance(pending[0], ToolMessage):
                answer = pending.pop(0)
                if isinstance(answer, ToolMessage):
                    answers.setdefault(answer.tool_call_id, answer)
            for call in message.calls:
                if call.id not in answers:
                    log.warning("history: call %r has no result; the model is told that it is unknown", call.id)
                unknown = ToolMessage(tool_call_id=call.id, content=UNKNOWN)
                out.append(answers.pop(call.id, unknown))
    return tuple(out)
