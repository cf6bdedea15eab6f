"""What an event loop keeps open while somebody needs it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import anyio.lowlevel

from agentkit.errors import ConfigurationError


class Closable(Protocol):
    """Something that is opened once and closed once, in one event loop."""

    async def open(self) -> None:
        """Open it; what is raised leaves nothing behind."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


T = TypeVar("T", bound=Closable)


class Held(Generic[T]):
    """One of it for each event loop, counted: the first who enters opens it, the last who leaves closes it."""

    def __init__(self, make: Callable[[], T], place: str) -> None:
        self._make, self._place = make, place
        self._open: dict[object, tuple[T, int]] = {}

    async def enter(self) -> None:
        """Open it, or share what is open."""
        token = anyio.lowlevel.current_token()
        known = self._open.get(token)
        made, holders = known if known is not None else (self._make(), 0)
        self._open[token] = (made, holders + 1)
        if holders == 0:
            try:
                await made.open()
            except BaseException:
                self._open.pop(token, None)
                raise

    async def leave(self) -> None:
        """Close it when nobody else holds it."""
        token = anyio.lowlevel.current_token()
        made, holders = self._open.pop(token)
        if holders > 1:
            self._open[token] = (made, holders - 1)
        else:
            await made.close()

    def get(self) -> T:
        """What is open in this loop. Raises ConfigurationError when nothing is."""
        known = self._open.get(anyio.lowlevel.current_token())
        if known is None:
            raise ConfigurationError(f"{self._place} is not open: use `async with source:` around it")
        return known[0]


class Holder(Generic[T]):
    """Holds what it needs open while it is entered, as often as that is."""

    _held: Held[T]

    async def __aenter__(self) -> Self:
        await self._held.enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._held.leave()
