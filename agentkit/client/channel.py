"""From a callback to an iterator: what one task tells, another reads, without a switch for each item."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")
BOUND = 1024  # items that wait for a slow reader before the writer waits


class Channel(Generic[T]):
    """One writer, one reader. The reader does not suspend while items are there."""

    def __init__(self, bound: int = BOUND) -> None:
        self._items: deque[T] = deque()
        self._bound = bound
        self.closed = False
        self._error: BaseException | None = None
        self._reader: anyio.Event | None = None  # set when the reader should look again
        self._writer: anyio.Event | None = None

    async def put(self, item: T) -> None:
        """Hand an item over; waits while `bound` items are unread."""
        while len(self._items) >= self._bound:
            self._writer = anyio.Event()
            await self._writer.wait()
        self._items.append(item)
        if self._reader is not None:
            self._wake_reader()

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
