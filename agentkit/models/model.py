"""Model: who answers. One method; the whole completion comes back, chunks are told on the way."""

from __future__ import annotations

from typing import Protocol

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk


class Model(Protocol):
    """Anything that completes a request. With `async with` support, a run holds it open while it lasts."""

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        """Answer the request. With `on_chunk`, tell each chunk and the accumulator; never telling any is fine too.

        Raises ModelError when there is no usable answer.
        """
        ...
