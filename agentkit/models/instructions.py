"""The instructions of a request as providers want them: one message, first, that asks for JSON where JSON is due."""

from __future__ import annotations

from operator import attrgetter

from pydantic_core import to_json

from agentkit.chat import (
    DeveloperMessage,
    JsonObjectFormat,
    JsonSchemaFormat,
    Message,
    ResponseFormat,
    SystemMessage,
    UserMessage,
    joined,
)

_INSTRUCTING = frozenset({"system", "developer"})
_role = attrgetter("role")
JSON_MODE = "Answer with one JSON object and nothing else."


def in_one(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same messages with all instructions joined into one message, which comes first (Q63)."""
    if _INSTRUCTING.isdisjoint(map(_role, messages[1:])):  # isinstance asks pydantic, which is slow in long histories
        return messages
    texts: list[str] = []
    rest: list[Message] = []
    for message in messages:
        if isinstance(message, (SystemMessage, DeveloperMessage)):
            texts.append(joined(message.content))
        else:
            rest.append(message)
    return (SystemMessage(content="\n\n".join(texts)), *rest)


def asking_for(
    format_: ResponseFormat | None, messages: tuple[Message, ...], *, tell_schema: bool
) -> tuple[Message, ...]:
    """The messages, with a last paragraph in the instructions where the format alone would not bring JSON."""
    if format_ is None:
        return messages
    if isinstance(format_, JsonSchemaFormat) and tell_schema:
        schema = to_json(format_.json_schema.schema_ or {"type": "object"}).decode()
        return _told(messages, f"{JSON_MODE} It must fit this JSON Schema:\n{schema}")
    # The API page: nothing comes in JSON mode unless a message asks for JSON.
    if isinstance(format_, JsonObjectFormat) and not any(map(_asks_for_json, messages)):
        return _told(messages, JSON_MODE)
    return messages


def _asks_for_json(message: Message) -> bool:
    asking = isinstance(message, (SystemMessage, DeveloperMessage, UserMessage))
    return asking and "json" in joined(message.content).lower()


def _told(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    first = messages[0]
    if isinstance(first, (SystemMessage, DeveloperMessage)):
        return (first.model_copy(update={"content": f"{joined(first.content)}\n\n{text}"}), *messages[1:])
    return (SystemMessage(content=text), *messages)
