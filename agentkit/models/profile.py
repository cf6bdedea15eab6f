"""How providers differ: one table, chosen by host and model name, used to write the request's bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic_core import to_json

from agentkit.chat import (
    AssistantMessage,
    ChatRequest,
    CustomToolCall,
    Json,
    Message,
    ToolCall,
    ToolMessage,
    Wire,
    is_json,
    joined,
)
from agentkit.errors import ConfigurationError

from .instructions import asking_for, in_one

_Key = tuple[int, bool, tuple[tuple[str, str], ...]]
_UNSENT = (None, b"")  # a message whose bytes no profile made yet


@dataclass(frozen=True)
class Profile:
    """What one provider wants differently (ROBUSTNESS 1d). The defaults are what most accept."""

    max_tokens: Literal["max_completion_tokens", "max_tokens"] = "max_tokens"
    """The name under which the token limit is sent (Q62)."""
    system_role: Literal["system", "developer"] = "system"
    """The role of instructions (Q63)."""
    one_system: bool = True
    """Whether all instructions go into one message, the first (Q63)."""
    null_content: bool = True
    """Whether an assistant message of calls alone has content null; else an empty text (Q55)."""
    tool_name: bool = False
    """Whether tool messages carry the tool's name (Q57)."""
    tools_with_calls: bool = True
    """Whether a history with calls needs tools; with none to offer, the called ones and tool_choice none (Q60)."""
    echo: frozenset[str] = frozenset({"extra_content", "reasoning_details"})
    """Unknown fields of the model's messages and calls that are sent back (Q58, Q59)."""
    strict: bool = False
    """Whether `strict` of tools is sent (Q64)."""
    response_format: Literal["json_schema", "json_object"] = "json_schema"
    """The richest format it knows; with json_object the schema is told in the instructions."""
    format_with_tools: bool = True
    """Whether a format may stand beside tools; else it is told in the instructions as long as tools are offered."""
    tool_choice_objects: bool = True
    """Whether a named choice may be an object; else "required" is sent with that tool alone (Q67)."""
    stream_options: bool = True
    """Whether usage is asked for in streams (Q36)."""
    stop: bool = True
    """Whether the model takes stop sequences (o3 and o4-mini do not)."""
    drop: frozenset[str] = frozenset()
    """Parameters that are left out."""
    rest: dict[_Key, tuple[Any, bytes]] = field(
        default_factory=dict[_Key, tuple[Any, bytes]], compare=False, repr=False
    )

    def body(self, request: ChatRequest, stream: bool = False) -> bytes:
        """The request's bytes: each message serialised once, the rest once for all turns."""
        shared = request.shared_rest()
        called = () if request.tools or not self.tools_with_calls else _called(request.messages)
        key = (id(shared), stream, called)
        known = self.rest.get(key)
        if known is None or known[0] is not shared:
            if len(self.rest) > 256:
                self.rest.clear()
            rest = self._rest(request, stream)
            if called:
                rest = {**rest, "tools": [_stand_in(*kind_and_name) for kind_and_name in called], "tool_choice": "none"}
            known = self.rest[key] = (shared, to_json(rest)[1:])
        messages = in_one(request.messages) if self.one_system else request.messages
        in_words = self.response_format == "json_object" or not (self.format_with_tools or request.tools is None)
        messages = asking_for(request.response_format, messages, tell_schema=in_words)
        before = [getattr(message, "sent", _UNSENT) for message in messages]
        bodies = [
            sent if by is self else self._bytes(message) for message, (by, sent) in zip(messages, before, strict=True)
        ]
        if self.tool_name:
            bodies = _named(messages, bodies)
        return b'{"messages":[' + b",".join(bodies) + b"]," + known[1]

    def _bytes(self, message: Message) -> bytes:
        """A message's bytes, kept with it: the history is serialised once."""
        if isinstance(message, AssistantMessage):
            body = to_json(self._assistant(message))
        elif message.role in ("system", "developer") and message.role != self.system_role:
            body = to_json({**message.to_json(), "role": self.system_role})
        elif isinstance(message, ToolMessage) and (message.model_extra or not isinstance(message.content, str)):
            # Q56: always one text; Q57: a name only where it is wanted
            kept = {key: value for key, value in (message.model_extra or {}).items() if key in self.echo}
            result = {"role": "tool", "tool_call_id": message.tool_call_id, "content": joined(message.content)}
            body = to_json({**result, **kept})
        else:
            body = message.json_bytes()
        object.__setattr__(message, "sent", (self, body))
        return body

    def _assistant(self, message: AssistantMessage) -> Json:
        """Off the attributes, not off a dump: this is done once a turn."""
        calls = [self._call(call) for call in message.tool_calls or ()]
        content: Any = message.content
        if not content:
            content = None if calls and self.null_content else ""
        elif not isinstance(content, str):
            content = [part.to_json() for part in content]
        sent: Json = {"role": "assistant", "content": content}
        if calls:
            sent["tool_calls"] = calls
        elif message.function_call is not None and message.function_call.name:  # of a history from elsewhere
            sent |= {"content": content or None, "function_call": message.function_call.to_json()}
        if message.name:
            sent["name"] = message.name
        if message.refusal:
            sent["refusal"] = message.refusal
        if message.audio:
            audio: Json = message.to_json()["audio"]
            sent |= {"audio": {"id": audio["id"]}} if audio.get("id") else {}
        return sent | self._echoed(message)

    def _call(self, call: ToolCall | CustomToolCall) -> Json:
        if isinstance(call, CustomToolCall):
            return {"id": call.id, "type": "custom", "custom": call.custom.to_json(), **self._echoed(call)}
        body = {"name": call.function.name, "arguments": call.function.arguments}
        return {"id": call.id, "type": "function", "function": body, **self._echoed(call)}

    def _echoed(self, piece: Wire) -> Json:
        extra = piece.model_extra
        return {key: value for key, value in extra.items() if key in self.echo and value} if extra else {}

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
        if "tools" in rest and not self.format_with_tools:
            rest.pop("response_format", None)
        format_: Json = rest.get("response_format") or {}
        if format_.get("type") == "json_schema":
            if self.response_format == "json_object":
                rest["response_format"] = {"type": "json_object"}
            elif "strict" in self.drop:
                format_["json_schema"].pop("strict", None)
        return rest if self.tool_choice_objects else _in_words(rest)

    def corrected(self, param: str, message: str) -> Profile | None:
        """The profile after an exact 400 that names a parameter; None when that teaches nothing (Q36, Q62)."""
        text = f"{param} {message}"
        if re.search(r"\bcontent\b.*(\bnull\b|\bnil\b|\bnone\b|valid string)", text, re.I | re.S):
            return self._with(null_content=False)
        if _NOT_BOTH.search(text) and self.format_with_tools:
            return self._with(format_with_tools=False)
        if not _REFUSED.search(text):
            return None
        if re.search(rf"\b{self.max_tokens}\b", text):
            other = "max_tokens" if self.max_tokens == "max_completion_tokens" else "max_completion_tokens"
            return self._with(max_tokens=other)
        if "stream_options" in text:
            return self._with(stream_options=False)
        if "parallel_tool_calls" in text:
            return self._with(drop=self.drop | {"parallel_tool_calls"})
        if "tool_choice" in text:
            return self._with(tool_choice_objects=False)
        if re.search(r"\bstrict\b", text):
            return self._with(strict=False, drop=self.drop | {"strict"})
        if "response_format" in text:
            return self._with(response_format="json_object")
        return None

    def _with(self, **changes: Any) -> Profile:
        return replace(self, **changes, rest={})


# as in "json mode cannot be combined with tool/function calling"
_NOT_BOTH = re.compile(
    r"(json mode|response.?format|mime type|structured output).*\b(tool|function)"
    r"|\b(tool|function).*(json mode|response.?format|mime type|structured output)",
    re.I | re.S,
)
_REFUSED = re.compile(
    r"un(supported|known|recogni[sz]ed|expected|available)|not (be |currently )?(supported|permitted|allowed|available)"
    r"|n[o']t support|extra (inputs|fields)|invalid (type|argument|parameter|field|\w+ type)|supported (\w+ )?values",
    re.I,
)


def _called(messages: tuple[Message, ...]) -> tuple[tuple[str, str], ...]:
    """(type, name) of each tool that the history calls."""
    calls = [call for message in messages if isinstance(message, AssistantMessage) for call in message.tool_calls or ()]
    return tuple(dict.fromkeys((call.type, call.name) for call in calls))


def _stand_in(kind: str, name: str) -> Json:
    if kind == "custom":
        return {"type": "custom", "custom": {"name": name}}
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def _in_words(rest: Json) -> Json:
    """The same choice without an object: only the tools that it allows are offered."""
    choice = rest.get("tool_choice")
    if not is_json(choice):
        return rest
    allowed: Json = choice.get("allowed_tools") or {"mode": "required", "tools": [choice]}
    names = {_tool_name(tool) for tool in allowed["tools"]}
    tools = [tool for tool in rest["tools"] if _tool_name(tool) in names]
    return {**rest, "tools": tools, "tool_choice": allowed["mode"]}


def _tool_name(tool: Json) -> str:
    named: Json = tool.get("function") or tool.get("custom") or {}
    return str(named.get("name"))


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


_OPENAI = Profile(max_tokens="max_completion_tokens", strict=True, one_system=False, tools_with_calls=False)
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
    (r"(^|\.)anthropic\.com$", r"", Profile(response_format="json_object")),  # any format is ignored there
    (r"", r"^(o3|o4-mini)(-|$)", replace(_REASONING, stop=False, rest={})),
    (r"", r"^(o\d(-|$)|gpt-5)", _REASONING),
    # llama.cpp reads a named choice as `required` and may call another tool; LM Studio takes texts alone
    (r"^(localhost|127\.[\d.]+|::1|10\.[\d.]+|192\.168\.[\d.]+|.*\.local)$", r"", Profile(tool_choice_objects=False)),
)


def profile_for(host: str, model: str) -> Profile:
    """The profile of a host and a model name; the defaults when no row fits."""
    for hosts, models, profile in PROFILES:
        if re.search(hosts, host) and re.search(models, model.rsplit("/", 1)[-1]):
            return replace(profile, rest={})
    return Profile()
