"""The model's message as it may be sent back: servers refuse what models write."""

from __future__ import annotations

import re

from pydantic_core import from_json

from .messages import AssistantMessage, CustomToolCall, ToolCall

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_BAD = re.compile(r"[^A-Za-z0-9_-]")


def sendable(message: AssistantMessage, turn: int) -> AssistantMessage:
    """The same message if nothing is wrong with it; else one with ids, names and arguments that servers accept.

    Missing and repeated ids are minted as `call_{turn}_{n}` (Q5, Q16), arguments that are no JSON object become
    `{}` (Q66), names are cut to what the wire allows (Q65), a deprecated function_call becomes a tool call.
    """
    calls = message.calls
    if not calls:
        return message
    seen: set[str] = set()
    mended = tuple(_mended(call, f"call_{turn}_{n}", seen) for n, call in enumerate(calls))
    if message.tool_calls and all(new is old for new, old in zip(mended, calls, strict=True)):
        return message
    return message.model_copy(update={"tool_calls": mended, "function_call": None})


def _mended(call: ToolCall | CustomToolCall, minted: str, seen: set[str]) -> ToolCall | CustomToolCall:
    id = call.id if call.id and call.id not in seen else minted
    while id in seen:  # a model that wrote what would be minted
        id += "_"
    seen.add(id)
    if isinstance(call, CustomToolCall):
        return call if id == call.id else call.model_copy(update={"id": id})
    name = call.name if _NAME.match(call.name) else (_BAD.sub("_", call.name)[:64] or "unnamed")
    arguments = call.text if is_object(call.text) else "{}"
    if id == call.id and name == call.name and arguments is call.text:
        return call
    function = call.function.model_copy(update={"name": name, "arguments": arguments})
    return call.model_copy(update={"id": id, "function": function})


def is_object(text: str) -> bool:
    """Whether the text is one complete JSON object."""
    try:
        return isinstance(from_json(text), dict)
    except (ValueError, TypeError):  # TypeError: half of a surrogate pair
        return False
