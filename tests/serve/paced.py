"""A model whose chunks come one after another, as those of a network do."""

from __future__ import annotations

from typing import Any

import anyio

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk, PartialCompletion
from agentkit.models import Model


class Paced:
    """Another model, with a pause before each chunk."""

    name = "paced"

    def __init__(self, model: Model, pause: float = 0.01) -> None:
        self.model, self.pause = model, pause

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        async def told(chunk: dict[str, Any], partial: PartialCompletion) -> None:
            await anyio.sleep(self.pause)
            if on_chunk is not None:
                await on_chunk(chunk, partial)

        return await self.model.complete(request, told if on_chunk is not None else None)
