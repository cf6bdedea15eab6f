"""Models for tests: answers by a script or by a function, told in pieces when streamed."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import anyio.lowlevel

from agentkit.chat import (
    AssistantMessage,
    ChatCompletion,
    ChatRequest,
    Json,
    OnChunk,
    PartialCompletion,
    is_json,
    is_list,
)
from agentkit.errors import ConfigurationError, refuse_other_signature

Answer = str | Sequence[tuple[str, Any]] | AssistantMessage | ChatCompletion | Json | Exception
"""A text; calls as (name, arguments); a message, as type or dict; a whole completion; an error to raise."""

PIECE = 7  # characters of text or arguments in one chunk


class FunctionModel:
    """Answers with what a function of the request returns. `requests` holds what was asked."""

    name = "function"

    def __init__(self, answer: Callable[[ChatRequest], Answer | Awaitable[Answer]]) -> None:
        if not callable(answer):
            raise ConfigurationError(f"FunctionModel({answer!r}): give a function of the request")
        refuse_other_signature("FunctionModel's answer", answer, "request")
        self._answer = answer
        self.requests: list[ChatRequest] = []

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """The function's answer as a completion, streamed in pieces when asked to."""
        self.requests.append(request)
        answer = self._answer(request)
        if inspect.isawaitable(answer):
            answer = await answer
        await anyio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        completion = completion_of(answer, request)
        if on_chunk is None:
            return completion
        return await tell_in_pieces(completion, on_chunk)


class ScriptedModel(FunctionModel):
    """Answers by position: the n-th answer to a conversation with n answers so far, so a resumed run finds its place.

    Raises ConfigurationError when the script has no answer for a position.
    """

    name = "scripted"

    def __init__(self, script: Sequence[Answer]) -> None:
        if isinstance(script, str) or not isinstance(cast("object", script), Iterable):
            raise ConfigurationError(f"ScriptedModel({script!r}): give a list of answers: ScriptedModel([...])")
        super().__init__(self._next)
        self._script = list(script)

    def _next(self, request: ChatRequest) -> Answer:
        position = sum(message.role == "assistant" for message in request.messages)
        if position >= len(self._script):
            raise ConfigurationError(
                f"ScriptedModel has {len(self._script)} answers, and was asked for answer {position + 1}; give it more"
            )
        return self._script[position]


def completion_of(answer: Answer, request: ChatRequest) -> ChatCompletion:
    """An answer as the endpoint would give it, once for each of the request's n choices."""
    if isinstance(answer, ChatCompletion):
        return answer
    if isinstance(answer, Exception):
        raise answer
    message = _message(answer, sum(m.role == "assistant" for m in request.messages))
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choices = [
        {"index": n, "message": message, "logprobs": None, "finish_reason": reason} for n in range(request.n or 1)
    ]
    prompt = sum(len(m.json_bytes()) for m in request.messages) // 4
    spoken = len(json.dumps(message)) // 4 * len(choices)
    usage = {"prompt_tokens": prompt, "completion_tokens": spoken, "total_tokens": prompt + spoken}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 0, "model": request.model}
    return ChatCompletion.model_validate({**head, "choices": choices, "usage": usage})


def _message(answer: Answer, turn: int) -> Json:
    if isinstance(answer, AssistantMessage):
        return answer.to_json()
    if is_json(answer):
        return {"role": "assistant", "content": None, **answer}
    if isinstance(answer, str):
        return {"role": "assistant", "content": answer}
    if not isinstance(answer, Sequence) or not all(_is_call(call) for call in answer):
        raise ConfigurationError(
            f"{answer!r} is no answer: give a text, [(tool, arguments)], a message, a completion or an exception"
        )
    calls: list[Json] = []
    for n, (name, arguments) in enumerate(answer):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        function = {"name": name, "arguments": text}
        calls.append({"id": f"call_{turn}_{n}", "type": "function", "function": function})
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _is_call(call: Any) -> bool:
    return isinstance(call, tuple | list) and len(cast("Any", call)) == 2 and isinstance(call[0], str)


async def tell_in_pieces(completion: ChatCompletion, on_chunk: OnChunk) -> ChatCompletion:
    """Tell a completion as a stream of small chunks, and return what they add up to."""
    partial = PartialCompletion(len(completion.choices))
    for chunk in chunks_of(completion):
        partial.add(chunk)
        await on_chunk(chunk, partial)
    partial.done()
    return partial.completion()


def chunks_of(completion: ChatCompletion) -> Iterator[Json]:
    """The completion as the chunks of a stream, its texts and arguments in small pieces."""
    body = completion.to_json()
    usage = body.pop("usage", None)
    choices = body.pop("choices")
    head = {**body, "object": "chat.completion.chunk"}
    for choice in choices:
        for delta, logprobs in _deltas(choice):
            row = {"index": choice["index"], "delta": delta, "logprobs": logprobs, "finish_reason": None}
            yield {**head, "choices": [row]}
        last: Json = {"index": choice["index"], "delta": {}, "finish_reason": choice.get("finish_reason")}
        yield {**head, "choices": [last]}
    if usage:
        yield {**head, "choices": [], "usage": usage}


def _deltas(choice: Json) -> Iterator[tuple[Json, Json | None]]:
    message, logprobs = choice["message"], choice.get("logprobs")
    rest = {key: value for key, value in message.items() if key not in ("content", "tool_calls", "refusal")}
    yield {**rest, "content": "" if message.get("content") is not None else None}, None
    if logprobs and logprobs.get("content"):
        for row in logprobs["content"]:
            yield {"content": row["token"]}, {"content": [row], "refusal": None}
    else:
        yield from (({"content": piece}, None) for piece in _pieces(_text(message.get("content"))))
    yield from (({"refusal": piece}, None) for piece in _pieces(message.get("refusal") or ""))
    for index, call in enumerate(message.get("tool_calls") or ()):
        kind, key = ("custom", "input") if call.get("type") == "custom" else ("function", "arguments")
        first, *others = [*_pieces(call[kind][key])] or [""]
        yield {"tool_calls": [{**call, "index": index, kind: {**call[kind], key: first}}]}, None
        for piece in others:
            yield {"tool_calls": [{"index": index, kind: {key: piece}}]}, None


def _text(content: Any) -> str:
    """A content's text, its parts joined: streams have no parts."""
    if is_list(content):
        return "".join(part.get("text") or "" for part in content)
    return content or ""


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
