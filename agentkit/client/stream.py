"""A streamed answer as an iterator of its chunks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from agentkit.chat import ChatCompletion, OnChunk, PartialCompletion
from agentkit.errors import ConfigurationError

from .feed import Feed, Tell


class CompletionStream(Feed[dict[str, Any]]):
    """Chunks as dicts, in order; `completion` is what they add up to. Leaving the block closes the connection."""

    def __init__(self, complete: Callable[[OnChunk], Awaitable[ChatCompletion]]) -> None:
        super().__init__(self._tell_chunks)
        self._complete = complete
        self._completion: ChatCompletion | None = None

    @property
    def completion(self) -> ChatCompletion:
        """The whole answer, once the chunks are all read. Raises ConfigurationError before that."""
        if self._completion is None:
            raise ConfigurationError("the stream is not over: read its chunks to the end first")
        return self._completion

    async def _tell_chunks(self, tell: Tell[dict[str, Any]]) -> None:
        async def on_chunk(chunk: dict[str, Any], partial: PartialCompletion) -> None:
            await tell(chunk)

        self._completion = await self._complete(on_chunk)
