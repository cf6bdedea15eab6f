"""How providers differ: one table, chosen by host and model name, used to write the request's bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic_core import to_json

from agentkit.chat import AssistantMessage, ChatRequest, Json, Message, ToolMessage
from agentkit.errors import ConfigurationError


@dataclass(frozen=True)
class Profile:
    """What one provider wants differently (ROBUSTNESS 1d). The defaults are what most accept."""

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    """The name under which the token limit is sent (Q62)."""
    system_role: Literal["system", "developer"] = "system"
    """The role of instructions (Q63)."""
    null_content: bool = True
    """Whether an assistant message of calls alone has content null; else an empty text (Q55)."""
    tool_name: bool = False
    """Whether tool messages carry the tool's name (Q57)."""
    echo: frozenset[str] = frozenset({"extra_content", "reasoning_details"})
    """Unknown fields of the model's messages and calls that are sent back (Q58, Q59)."""
    strict: bool = False
    """Whether `strict` of tools is sent (Q64)."""
    response_format: Literal["json_schema", "json_object"] = "json_schema"
    """The richest format it knows; with json_object the schema is told in the instructions."""
    tool_choice_objects: bool = True
    """Whether a named choice may be an object; else it is sent as "required" (Q67)."""
    stream_options: bool = True
    """Whether usage is asked for in streams (Q36)."""
    stop: bool = True
    """Whether the model takes stop sequences (o3 and o4-mini do not)."""
    drop: frozenset[str] = frozenset()
    """Parameters that are left out."""
    rest: dict[tuple[int, bool], tuple[Any, bytes]] = field(default_factory=dict, compare=False, repr=False)

    def body(self, request: ChatRequest, stream: bool = False) -> bytes:
        """The request's bytes: each message serialised once, the rest once for all turns."""
        shared = request.shared_rest()
        key = (id(shared), stream)
        known = self.rest.get(key)
        if known is None or known[0] is not shared:
            if len(self.rest) > 256:
                self.rest.clear()
            known = self.rest[key] = (shared, to_json(self._rest(request, stream))[1:])
        messages = [self._bytes(message) for message in request.messages]
        if self.tool_name:
            messages = _named(request.messages, messages)
        return b'{"messages":[' + b",".join(messages) + b"]," + known[1]

    def _bytes(self, message: Message) -> bytes:
        try:
            profile, sent = message.sent
            if profile is self:
                return sent
        except AttributeError:
            pass
        if isinstance(message, AssistantMessage):
            body = to_json(self._assistant(message))
        elif message.role in ("system", "developer") and message.role != self.system_role:
            body = to_json({**message.to_json(), "role": self.system_role})
        elif isinstance(message, ToolMessage) and not isinstance(message.content, str):
            text = "".join(part.text for part in message.content)  # Q56: always one text
            body = to_json({**message.to_json(), "content": text})
        else:
            body = message.json_bytes()
        object.__setattr__(message, "sent", (self, body))
        return body

    def _assistant(self, message: AssistantMessage) -> Json:
        given = message.to_json()
        content = given.get("content")
        calls = [self._call(call) for call in given.get("tool_calls") or ()]
        if not content:
            content = None if calls and self.null_content else ""
        sent: Json = {"role": "assistant", "content": content}
        if calls:
            sent["tool_calls"] = calls
        if given.get("name"):
            sent["name"] = given["name"]
        if given.get("refusal"):
            sent["refusal"] = given["refusal"]
        audio = given.get("audio")
        if audio and audio.get("id"):
            sent["audio"] = {"id": audio["id"]}
        sent.update({key: given[key] for key in self.echo if given.get(key)})
        return sent

    def _call(self, call: Json) -> Json:
        kept = {key: call[key] for key in self.echo if key in call}
        if call.get("type") == "custom":
            return {"id": call["id"], "type": "custom", "custom": call["custom"], **kept}
        function = call["function"]
        body = {"name": function["name"], "arguments": function["arguments"]}
        return {"id": call["id"], "type": "function", "function": body, **kept}

    def _rest(self, request: ChatRequest, stream: bool) -> Json:
        rest = {key: value for key, value in request.rest_json(stream).items() if key not in self.drop}
        if not self.stop and "stop" in rest:
            raise ConfigurationError(
                f"the model {request.model!r} takes no stop sequences; leave Settings(stop=...) out"
            )
        if not self.stream_options:
            rest.pop("stream_options", None)
        limit = rest.pop("max_completion_tokens", None) or rest.pop("max_tokens", None)
        rest.pop("max_tokens", None)
        if limit is not None:
            rest[self.max_tokens] = limit
        if not self.strict:
            for tool in rest.get("tools", ()):
                tool.get("function", {}).pop("strict", None)
        if isinstance(rest.get("tool_choice"), dict) and not self.tool_choice_objects:
            rest["tool_choice"] = "required"
        if self.response_format == "json_object" and rest.get("response_format", {}).get("type") == "json_schema":
            rest["response_format"] = {"type": "json_object"}
        return rest

    def corrected(self, param: str, message: str) -> Profile | None:
        """The profile after an exact 400 that names a parameter; None when that teaches nothing (Q36, Q62)."""
        text = f"{param} {message}"
        changes: dict[str, Any] = {}
        if "max_completion_tokens" in text and self.max_tokens == "max_tokens":
            changes = {"max_tokens": "max_completion_tokens"}
        elif "max_tokens" in text and self.max_tokens == "max_completion_tokens":
            changes = {"max_tokens": "max_tokens"}
        elif "stream_options" in text and self.stream_options:
            changes = {"stream_options": False}
        elif "parallel_tool_calls" in text and "parallel_tool_calls" not in self.drop:
            changes = {"drop": self.drop | {"parallel_tool_calls"}}
        elif re.search(r"\bstrict\b", text) and self.strict:
            changes = {"strict": False}
        return replace(self, **changes, rest={}) if changes else None


def _named(messages: tuple[Message, ...], bodies: list[bytes]) -> list[bytes]:
    names: dict[str, str] = {}
    out: list[bytes] = []
    for message, body in zip(messages, bodies, strict=True):
        if isinstance(message, AssistantMessage):
            names = {call.id: call.name for call in message.calls}
        if isinstance(message, ToolMessage) and message.tool_call_id in names:
            body = body[:-1] + b',"name":' + to_json(names[message.tool_call_id]) + b"}"
        out.append(body)
    return out


_OPENAI = Profile(max_tokens="max_completion_tokens", strict=True)
_REASONING = replace(_OPENAI, system_role="developer", rest={})
_GEMINI = Profile(tool_name=True)
_TEXT = Profile(null_content=False)
_REPLAY = Profile(echo=frozenset({"extra_content", "reasoning_details", "reasoning_content"}))

# (host pattern, model pattern, profile): the first row that fits holds.
PROFILES: tuple[tuple[str, str, Profile], ...] = (
    (r"(^|\.)(openai\.com|azure\.com)$", r"^(o3|o4-mini)(-|$)", replace(_REASONING, stop=False, rest={})),
    (r"(^|\.)(openai\.com|azure\.com)$", r"^(o\d|gpt-5)", _REASONING),
    (r"(^|\.)(openai\.com|azure\.com)$", r"", _OPENAI),
    (r"(^|\.)googleapis\.com$", r"", _GEMINI),
    (r"(^|\.)deepseek\.com$", r"", replace(_REPLAY, response_format="json_object", rest={})),
    (r"(^|\.)moonshot\.(ai|cn)$", r"", _REPLAY),
    (r"(^|\.)mistral\.ai$", r"", _TEXT),
    (r"(^|\.)anthropic\.com$", r"", Profile()),
    (r"", r"^(o3|o4-mini)(-|$)", replace(_REASONING, stop=False, rest={})),
    (r"", r"^(o\d(-|$)|gpt-5)", _REASONING),
)


def profile_for(host: str, model: str) -> Profile:
    """The profile of a host and a model name; the defaults when no row fits."""
    for hosts, models, profile in PROFILES:
        if re.search(hosts, host) and re.search(models, model.rsplit("/", 1)[-1]):
            return replace(profile, rest={})
    return Profile()
