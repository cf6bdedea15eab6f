"""Redact: the model works with placeholders, the tools with what they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from agentkit.chat import MESSAGES, ChatCompletion, Json, is_json, is_list
from agentkit.errors import ConfigurationError
from agentkit.run import Middleware, ModelCall
from agentkit.run.around import Proceed

PATTERNS = {
    "email": r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}",
    "card": r"\b[0-9](?:[ -]?[0-9]){12,18}\b",
    "iban": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    "phone": r"(?<![0-9A-Za-z])\+[0-9](?:[ /()-]{0,2}[0-9]){6,14}(?![0-9])",
}
_TEXTS = frozenset({"content", "text", "refusal", "arguments", "input", "reasoning", "reasoning_content"})


class Redact(Middleware):
    """What matches is sent as `[email 1]`, and put back into the model's answer and the arguments of its calls.

    kinds: of "email", "card", "iban" and "phone"; further ones as regular expressions by name, `ticket=r"T-[0-9]+"`.
    The journal and your tools have the real values; the endpoint never sees them. Text only: images, audio and files
    are sent as they are. A streamed answer is told with the placeholders; the message that counts has the values.
    """

    def __init__(self, *kinds: str, **patterns: str) -> None:
        unknown = [kind for kind in kinds if kind not in PATTERNS]
        if unknown or not (kinds or patterns):
            raise ConfigurationError(
                f"Redact({', '.join(map(repr, unknown))}): the kinds are {', '.join(PATTERNS)}; "
                "give others as regular expressions by name: Redact('email', ticket=r'T-[0-9]+')"
            )
        chosen = {**{kind: PATTERNS[kind] for kind in kinds}, **patterns}
        try:
            self._pattern = re.compile("|".join(f"(?P<{name}>{text})" for name, text in chosen.items()))
        except re.error as error:
            raise ConfigurationError(f"Redact: {error} in the pattern {error.pattern!r}") from None

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """Send placeholders, and take them out of the answer again."""
        hidden: dict[str, str] = {}  # value to placeholder, in the order of their first place
        counts: dict[str, int] = {}

        def hide(found: re.Match[str]) -> str:
            value, kind = found.group(), found.lastgroup or ""
            if value not in hidden:
                counts[kind] = counts.get(kind, 0) + 1
                hidden[value] = f"[{kind} {counts[kind]}]"
            return hidden[value]

        before = [message.to_json() for message in call.request.messages]
        sent = [_walked(message, lambda text: self._pattern.sub(hide, text)) for message in before]
        if not hidden:
            return await proceed(call)
        messages = MESSAGES.validate_python(sent)
        completion = await proceed(replace(call, request=call.request.with_messages(messages)))
        values = {placeholder: value for value, placeholder in hidden.items()}
        found = re.compile("|".join(map(re.escape, values)))

        def show(text: str) -> str:
            return found.sub(lambda placeholder: values[placeholder.group()], text)

        body = completion.to_json()
        for choice in body["choices"]:
            choice["message"] = _walked(choice["message"], show)
        return ChatCompletion.model_validate(body)


def _walked(message: Json, change: Callable[[str], str]) -> Json:
    """The message with its texts changed; arguments are changed inside their JSON, so that it stays JSON."""

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, str):
            if key not in _TEXTS:
                return value
            return _in_json(value, change) if key == "arguments" else change(value)
        if is_json(value):
            return {name: walk(inner, name) for name, inner in value.items()}
        if is_list(value):
            return [walk(inner, key) for inner in value]
        return value

    changed: Json = walk(message, "")
    return changed


def _in_json(text: str, change: Callable[[str], str]) -> str:
    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return change(value)
        if is_json(value):
            return {name: walk(inner) for name, inner in value.items()}
        return [walk(inner) for inner in value] if is_list(value) else value

    try:
        value = from_json(text)
    except ValueError:  # sent back as it came, or replaced by whoever sends it
        return change(text)
    changed = walk(value)
    return text if changed == value else json.dumps(changed, ensure_ascii=False)
