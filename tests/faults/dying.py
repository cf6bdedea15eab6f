"""A store in a process that dies: for tests that need many deaths, and no real ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from agentkit import MemoryStore, SQLiteStore


class Crash(BaseException):
    """The process is gone: nothing after it happens."""


class Dying:
    """A store in a process that dies at one of its moments; after that it does nothing more."""

    def __init__(self, store: MemoryStore | SQLiteStore, moment: int) -> None:
        self._store, self._left = store, moment
        self.dead = False
        self.moments: list[str] = []

    def point(self, name: str) -> None:
        if self.dead:
            raise Crash
        self.moments.append(name)
        self._left -= 1
        if self._left == 0:
            self.dead = True
            raise Crash

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        self.point("before commit")
        await self._store.append(journal, position, entries)
        self.point("after commit")

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        return await self._store.load(journal, start)

    async def journals(self) -> list[str]:
        return await self._store.journals()

    async def delete(self, journal: str) -> None:
        await self._store.delete(journal)

    def hold(self, journal: str, *, take_over: bool = False) -> AbstractAsyncContextManager[None]:
        return self._store.hold(journal, take_over=take_over)


@asynccontextmanager
async def crashing() -> AsyncGenerator[None]:
    """Crashes end here, in whatever groups they come."""
    try:
        yield
    except Crash:
        pass
    except BaseExceptionGroup as group:
        if group.split(Crash)[1] is not None:
            raise
