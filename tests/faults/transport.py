"""A script behind an HTTP transport in memory, the golden one unless told: bytes in pieces, a checkpoint at each, and what is still open."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio.lowlevel
import httpx

from agentkit import ChatRequest
from agentkit.models.scripted import chunks_of, completion_of

from .golden import SCRIPT

PIECES = 4  # of each answer


class Body(httpx.AsyncByteStream):
    """An answer's bytes; its connection is busy until it is closed."""

    def __init__(self, data: bytes, owner: GoldenTransport) -> None:
        self._data, self._owner = data, owner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = len(self._data) // PIECES + 1
        for start in range(0, len(self._data), size):
            await anyio.lowlevel.checkpoint()
            yield self._data[start : start + size]

    async def aclose(self) -> None:
        self._owner.open.discard(self)  # as httpx's transports do it: shielded
        await anyio.lowlevel.checkpoint()


def golden(asked: dict[str, Any]) -> Any:
    """The answer by position in the conversation."""
    return SCRIPT[[message["role"] for message in asked["messages"]].count("assistant")]


class GoldenTransport(httpx.AsyncBaseTransport):
    """Answers with what `answer` says of a request; an int is a status. `open` holds the bodies that nobody closed."""

    def __init__(self, answer: Callable[[dict[str, Any]], Any] = golden) -> None:
        self._answer = answer
        self.open: set[Body] = set()
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()
        self.requests += 1
        asked = json.loads(request.content)
        answer = self._answer(asked)
        if isinstance(answer, int):
            return httpx.Response(answer)
        completion = completion_of(answer, ChatRequest(**asked))
        if asked.get("stream"):
            events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks_of(completion))
            kind, data = "text/event-stream", f"{events}data: [DONE]\n\n".encode()
        else:
            kind, data = "application/json", completion.json_bytes()
        body = Body(data, self)
        self.open.add(body)
        return httpx.Response(200, headers={"content-type": kind}, stream=body)
