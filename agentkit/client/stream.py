"""A streamed answer as an iterator of its chunks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

import anyio
from anyio.abc import TaskGroup

from agentkit.chat import ChatCompletion, OnChunk, PartialCompletion
from agentkit.errors import ConfigurationError

from .channel import Channel


class CompletionStream:
    """Chunks as dicts, in order; `completion` is what they add up to. Leaving the block closes the connection."""

    def __init__(self, complete: Callable[[OnChunk], Awaitable[ChatCompletion]]) -> None:
        self._complete = complete
        self._channel: Channel[dict[str, Any]] = Channel()
        self._completion: ChatCompletion | None = None
        self._group: TaskGroup | None = None

    @property
    def completion(self) -> ChatCompletion:
        """The whole answer, once the chunks are all read. Raises ConfigurationError before that."""
        if self._completion is None:
            raise ConfigurationError("the stream is not over: read its chunks to the end first")
        return self._completion

    async def _work(self) -> None:
        async def on_chunk(chunk: dict[str, Any], partial: PartialCompletion) -> None:
            await self._channel.put(chunk)

        try:
            self._completion = await self._complete(on_chunk)
        except Exception as error:
            await self._channel.close(error)
        else:
            await self._channel.close()

    async def __aenter__(self) -> CompletionStream:
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._work)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        group.cancel_scope.cancel()
        try:
            await group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            if error is None or errors.exceptions != (error,):
                raise

    def __aiter__(self) -> CompletionStream:
        return self

    async def __anext__(self) -> dict[str, Any]:
        return await self._channel.__anext__()
