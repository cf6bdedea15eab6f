"""From a callback to an iterator: what one task tells, another reads, without a switch for each item."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")
BOUND = 1024  # items that wait for a slow reader before the writer waits


class _Done:
    """Awaited, it is over at once: in half the time of a coroutine, of which there would be one for each event."""

    __await__ = ().__iter__


_DONE = _Done()


class Channel(Generic[T]):
    """One writer, one reader. The reader does not suspend while items are there."""

    def __init__(self, bound: int = BOUND) -> None:
        self._items: deque[T] = deque()
        self._bound = bound
        self.closed = False
        self._error: BaseException | None = None
        self._reader: anyio.Event | None = None  # set when the reader should look again
        self._writer: anyio.Event | None = None

    def put(self, item: T) -> Awaitable[None]:
        """Hand an item over; waits while `bound` items are unread."""
        if len(self._items) >= self._bound:
            return self._put_later(item)
        self._items.append(item)
        if self._reader is not None:
            self._wake_reader()
        return _DONE  # type: ignore[return-value]  # any iterator will do; typeshed asks for a generator

    async def _put_later(self, item: T) -> None:
        while len(self._items) >= self._bound:
            self._writer = anyio.Event()
            await self._writer.wait()
        await self.put(item)

    async def close(self, error: BaseException | None = None) -> None:
        """No more items; the reader gets what is left, then the error or the end."""
        self.closed, self._error = True, error
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            self._reader.set()
            self._reader = None

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self.closed:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                raise StopAsyncIteration
            self._reader = anyio.Event()
            await self._reader.wait()
        item = self._items.popleft()
        if self._writer is not None and len(self._items) <= self._bound // 2:
            self._writer.set()
            self._writer = None
        return item
