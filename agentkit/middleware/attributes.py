"""What spans say of requests and answers, under the literal names of OpenTelemetry's GenAI conventions."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import to_json

from agentkit.chat import (
    AssistantMessage,
    ChatCompletion,
    ChatRequest,
    CompletionUsage,
    Json,
    Message,
    ToolMessage,
    Usage,
)

Value = str | bool | int | float | Sequence[str]
Attributes = dict[str, Value]

_REQUESTED = {
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "reasoning_effort": "gen_ai.request.reasoning.level",
}


def asked(request: ChatRequest, *, content: bool) -> Attributes:
    """What a request asks for; with `content`, its messages and tools as well."""
    found: Attributes = {"gen_ai.request.model": request.model}
    for field, name in _REQUESTED.items():
        if (value := getattr(request, field)) is not None:
            found[name] = value
    if request.stop:
        found["gen_ai.request.stop_sequences"] = [request.stop] if isinstance(request.stop, str) else [*request.stop]
    if request.n not in (None, 1):
        found["gen_ai.request.choice.count"] = request.n or 1
    if request.response_format is not None:
        found["gen_ai.output.type"] = "text" if request.response_format.type == "text" else "json"
    if content:
        found["gen_ai.input.messages"] = _json([_message(message) for message in request.messages])
        if request.tools:
            found["gen_ai.tool.definitions"] = _json([_definition(tool.to_json()) for tool in request.tools])
    return found


def answered(completion: ChatCompletion, *, content: bool) -> Attributes:
    """What an answer was, and what it cost; with `content`, its messages as well."""
    reasons = [choice.finish_reason or "" for choice in completion.choices]
    found: Attributes = {"gen_ai.response.finish_reasons": reasons}
    if completion.id:
        found["gen_ai.response.id"] = completion.id
    if completion.model:
        found["gen_ai.response.model"] = completion.model
    if completion.usage is not None:
        found |= spent(Usage().plus(completion.usage))
    if content:
        messages = [{**_message(c.message), "finish_reason": c.finish_reason or ""} for c in completion.choices]
        found["gen_ai.output.messages"] = _json(messages)
    return found


def spent(usage: Usage) -> Attributes:
    """The tokens of a request, or of a run."""
    found: Attributes = {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
    }
    if usage.cached_tokens:
        found["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
    if usage.reasoning_tokens:
        found["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning_tokens
    return found


def token_counts(usage: CompletionUsage | None) -> dict[str, int]:
    """Tokens by the type under which they are counted."""
    return {} if usage is None else {"input": usage.prompt_tokens, "output": usage.completion_tokens}


def _message(message: Message) -> Json:
    if isinstance(message, ToolMessage):
        response = {"type": "tool_call_response", "id": message.tool_call_id, "response": message.content}
        return {"role": "tool", "parts": [response]}
    content = message.content or ()
    if isinstance(content, str):
        parts: list[Json] = [{"type": "text", "content": content}]
    else:
        parts = [_part(part.to_json()) for part in content]
    if isinstance(message, AssistantMessage):
        calls = message.calls
        parts += [{"type": "tool_call", "id": c.id, "name": c.name, "arguments": c.text} for c in calls]
    return {"role": message.role, "parts": parts}


def _part(part: Json) -> Json:
    if part["type"] == "text":
        return {"type": "text", "content": part["text"]}
    return {"type": part["type"]}  # images and audio stay out: a span is no place for megabytes


def _definition(tool: Json) -> Json:
    kind = tool["type"]
    return {"type": kind, **tool[kind]}


def _json(value: object) -> str:
    return to_json(value, fallback=str).decode()
