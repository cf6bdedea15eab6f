"""An answer in chunks, written as the run goes; a client that leaves ends the run."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agentkit.chat import Json, StreamOptions
from agentkit.errors import AgentKitError
from agentkit.run import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    RunResult,
    RunStarted,
    RunStream,
    TextDelta,
    ToolFinished,
)

from .answer import BETWEEN, Answer, Head
from .failure import Refusal, refusal_for
from .leaving import Stalled, unless_left

PAD = 64  # what a chunk adds and its padding fill whole rows of so many characters
DONE = b"data: [DONE]\n\n"
_TEXTS = ("content", "refusal", "reasoning_content")


def event(body: Json) -> bytes:
    """One event of a stream."""
    return b"data: " + to_json(body) + b"\n\n"


class Chunks:
    """Writes the chunks of one answer: what the run tells at once, and at its end what was not told yet.

    held: nothing before the end.
    """

    def __init__(self, head: Head, options: StreamOptions | None, held: bool) -> None:
        self._head: Json = {"id": head.id, "object": "chat.completion.chunk"}
        self._head |= {"created": head.created, "model": head.model}
        self._usage = options is not None and bool(options.include_usage)
        self._obfuscation = options is None or options.include_obfuscation is not False
        self._held = held
        self._told: dict[int, dict[str, str]] = {}  # by choice: what of its texts is out
        self._turn_over = False
        self._dirty = False  # something of the turn that goes on is out

    def of(self, event: Event) -> Iterator[bytes]:
        """The chunks of what the run tells. Raises Refusal when it takes back what is out already."""
        if isinstance(event, ToolFinished):
            self._turn_over, self._dirty = True, False
        if self._held:
            return
        if isinstance(event, Restarted) and self._dirty:
            raise _taken_back()
        if isinstance(event, TextDelta):
            yield from self._text("content", event.text, event.choice)
        elif isinstance(event, RefusalDelta):
            yield from self._text("refusal", event.text, event.choice)
        elif isinstance(event, ReasoningDelta):
            yield from self._text("reasoning_content", event.text, event.choice)

    def end(self, answer: Answer, steps: bool) -> Iterator[bytes]:
        """What is left of the answer, its finish reasons, its usage where that was asked for."""
        for choice in answer.choices:
            index, message = choice["index"], choice["message"]
            yield from self._begun(index)
            told = self._told[index]
            if not (message.get("content") or "").startswith(told.get("content", "")):
                raise _taken_back()
            for content, logprobs in _tokens(choice):
                told["content"] = told.get("content", "") + content
                yield self._chunk(index, {"content": content}, logprobs=logprobs)
            for name in _TEXTS:
                rest = (message.get(name) or "")[len(told.get(name, "")) :]
                if rest:
                    yield self._chunk(index, {name: rest})
            calls: list[Json] = message.get("tool_calls") or []
            for n, call in enumerate(calls):
                yield self._chunk(index, {"tool_calls": [{"index": n, **call}]})
            last = choice is answer.choices[-1]
            yield self._chunk(index, {}, choice["finish_reason"], extension=answer.extension(steps) if last else None)
        if self._usage:
            yield event({**self._head, "choices": [], "usage": answer.usage_json})

    def _text(self, name: str, text: str, index: int) -> Iterator[bytes]:
        yield from self._begun(index)
        told = self._told[index]
        if name == "content" and self._turn_over:
            text, self._turn_over = f"{BETWEEN}{text}" if told.get(name) else text, False
        told[name] = told.get(name, "") + text
        self._dirty = True
        yield self._chunk(index, {name: text})

    def _begun(self, index: int) -> Iterator[bytes]:
        if index not in self._told:
            self._told[index] = {}
            yield self._chunk(index, {"role": "assistant", "content": "", "refusal": None})

    def _chunk(
        self,
        index: int,
        delta: Json,
        finish_reason: str | None = None,
        logprobs: Json | None = None,
        extension: Json | None = None,
    ) -> bytes:
        choice: Json = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        chunk: Json = {**self._head, "choices": [choice]}
        if extension is not None:
            chunk["agentkit"] = extension
        if self._usage:
            chunk["usage"] = None
        if self._obfuscation:  # against reading along by the sizes of encrypted packets
            chunk["obfuscation"] = secrets.token_urlsafe(PAD)[: PAD - len(to_json(delta)) % PAD]
        return event(chunk)


def _taken_back() -> Refusal:
    return Refusal(502, "the model began its answer again after a part of it was sent", code="restarted")


def _tokens(choice: Json) -> Iterator[tuple[str, Json]]:
    """The text of a choice with its log probabilities: by tokens, where they spell it."""
    logprobs: Json = choice["logprobs"] or {}
    rows: list[Json] = logprobs.get("content") or []
    content: str = choice["message"].get("content") or ""
    if rows and "".join(row["token"] for row in rows) == content:
        yield from ((row["token"], {"content": [row], "refusal": None}) for row in rows)
    elif rows:
        yield content, {"content": rows, "refusal": None}


Finish = Callable[[RunResult[Any] | AgentKitError], Awaitable[Answer]]


class Streamed(Response):
    """The chunks of a run. Its headers wait for the model's first sign, so that an early failure is a status.

    finish: the answer of the run that is over, or of the error that ended it; it raises what is no answer.
    """

    media_type = "text/event-stream"

    def __init__(self, run: RunStream[Any], chunks: Chunks, finish: Finish, request_id: str, steps: bool) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._run, self._chunks, self._finish = run, chunks, finish
        self._request_id, self._steps = request_id, steps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the run ends when the client leaves."""
        out = _Out(send, self.raw_headers)

        async def work() -> None:
            try:
                async with self._run as run:
                    await self._tell(run, out)
            except Exception as error:
                if not out.begun or isinstance(error, Stalled):
                    raise
                await out.write(event(refusal_for(error, self._request_id).body()))
            await out.close()

        await unless_left(receive, work)

    async def _tell(self, run: RunStream[Any], out: _Out) -> None:
        try:
            async for told in run:
                if not isinstance(told, RunStarted):
                    await out.begin()
                for chunk in self._chunks.of(told):
                    await out.write(chunk)
            ended: RunResult[Any] | AgentKitError = run.result
        except AgentKitError as error:
            ended = error
        answer = await self._finish(ended)
        for chunk in self._chunks.end(answer, self._steps):
            await out.write(chunk)
        await out.write(DONE)


class _Out:
    """The answer's bytes on their way out."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send, self._headers = send, headers
        self.begun = False

    async def begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})

    async def write(self, data: bytes) -> None:
        await self.begin()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})
