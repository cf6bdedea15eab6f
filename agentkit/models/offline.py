"""OfflineModel: a rule-based stand-in, in this process, deterministic, and honest about being one."""

from __future__ import annotations

import json
import math

import anyio.lowlevel

from agentkit.chat import (
    AllowedToolsChoice,
    AssistantMessage,
    ChatCompletion,
    ChatRequest,
    DeveloperMessage,
    FunctionChoice,
    FunctionTool,
    Json,
    JsonSchemaFormat,
    Message,
    OnChunk,
    SystemMessage,
    ToolMessage,
    UserMessage,
    joined,
)

from .filling import filled
from .picking import calls_for
from .scripted import tell_in_pieces


class OfflineModel:
    """Picks tools by the words of the last user message, fills arguments from its text, answers from the results."""

    name = "offline"

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """An answer by rules. Honours tools, tool_choice, n, stop, token limits, logprobs and response formats."""
        await anyio.lowlevel.checkpoint()
        calls = _calls(request)
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        reason, words = "tool_calls", 0
        if calls:
            message["tool_calls"] = calls
            words = sum(len(call["function"]["arguments"]) // 4 + 4 for call in calls)
        else:
            text, reason = _limited(request, _text(request))
            message["content"], words = text, len(_tokens(text))
        logprobs = _logprobs(request, message["content"]) if request.logprobs and not calls else None
        row = {"message": message, "logprobs": logprobs, "finish_reason": reason}
        prompt = sum(len(m.json_bytes()) // 4 for m in request.messages)
        spoken = words * (request.n or 1)
        completion = ChatCompletion.model_validate(
            {
                "id": "chatcmpl-offline",
                "object": "chat.completion",
                "created": 0,
                "model": "offline",
                "choices": [{"index": n, **row} for n in range(request.n or 1)],
                "usage": {"prompt_tokens": prompt, "completion_tokens": spoken, "total_tokens": prompt + spoken},
            }
        )
        return completion if on_chunk is None else await tell_in_pieces(completion, on_chunk)


def _text_of(message: Message) -> str:
    content = getattr(message, "content", None)
    return joined(content)


def _turn(request: ChatRequest) -> tuple[str, list[tuple[str, str]]]:
    """(the last user message, (tool, result) of the calls since)."""
    question = ""
    results: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for message in request.messages:
        if isinstance(message, UserMessage):
            question, results = _text_of(message), []
        elif isinstance(message, AssistantMessage):
            names = {call.id: call.name for call in message.calls}
        elif isinstance(message, ToolMessage):
            results.append((names.get(message.tool_call_id, "tool"), _text_of(message)))
    return question, results


def _calls(request: ChatRequest) -> list[Json]:
    tools = [tool.function for tool in request.tools or () if isinstance(tool, FunctionTool)]
    choice = request.tool_choice
    if not tools or choice == "none":
        return []
    question, results = _turn(request)
    forced = choice == "required" or isinstance(choice, FunctionChoice)
    if isinstance(choice, FunctionChoice):
        tools = [tool for tool in tools if tool.name == choice.function.name]
    elif isinstance(choice, AllowedToolsChoice):
        functions: list[Json] = [tool.get("function") or {} for tool in choice.allowed_tools.tools]
        allowed = [function.get("name") for function in functions]
        tools = [tool for tool in tools if tool.name in allowed]
        forced = choice.allowed_tools.mode == "required"
    done = {name for name, _ in results}
    wanted = calls_for(question, tools, done=done, forced=forced and not results)
    turn = sum(isinstance(message, AssistantMessage) for message in request.messages)
    if request.parallel_tool_calls is False:
        wanted = wanted[:1]
    return [
        {"id": f"call_{turn}_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(wanted)
    ]


def _text(request: ChatRequest) -> str:
    question, results = _turn(request)
    format_ = request.response_format
    if isinstance(format_, JsonSchemaFormat):
        facts = " ".join([question, *(text for _, text in results)])
        return json.dumps(filled(format_.json_schema.schema_ or {"type": "object"}, facts))
    if format_ is not None and format_.type == "json_object":
        answer = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
        return json.dumps(filled(answer, question))
    if results:
        return "Here is what I found: " + "; ".join(f"{name} says {text}" for name, text in results) + "."
    if not question:
        return "I am the offline model; I answer by rules. Ask me something that one of my tools can do."
    told = any(isinstance(message, (SystemMessage, DeveloperMessage)) for message in request.messages)
    hint = "None of my tools fits." if request.tools else "I have no tools."
    return f"I am the offline model{' and cannot follow instructions' if told else ''}. You said: {question} {hint}"


def _tokens(text: str) -> list[str]:
    """Words with the space before them."""
    first, *others = text.split(" ")
    return [first, *(f" {word}" for word in others)] if text else []


def _limited(request: ChatRequest, text: str) -> tuple[str, str]:
    stops = [request.stop] if isinstance(request.stop, str) else list(request.stop or ())
    ends = [position for stop in stops if (position := text.find(stop)) >= 0]
    if ends:
        text = text[: min(ends)]
    limit = request.max_completion_tokens or request.max_tokens
    tokens = _tokens(text)
    if limit is not None and len(tokens) > limit:
        return "".join(tokens[:limit]), "length"
    return text, "stop"


def _logprobs(request: ChatRequest, text: str) -> Json:
    """A made-up but constant probability for each token: longer words are rarer."""
    rows: list[Json] = []
    for token in _tokens(text):
        probability = 1 / (1 + len(token) / 10)
        row: Json = {"token": token, "logprob": math.log(probability), "bytes": list(token.encode())}
        others = [{"token": token, "logprob": row["logprob"], "bytes": row["bytes"]}]
        others += [{"token": f"{token}{n}", "logprob": row["logprob"] - n, "bytes": None} for n in range(1, 20)]
        rows.append({**row, "top_logprobs": others[: request.top_logprobs or 0]})
    return {"content": rows, "refusal": None}
