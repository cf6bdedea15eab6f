"""A store that fails when a test says so."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.errors import StoreError
from agentkit.journal import Session, Store


class FailingStore:
    """Keeps journals in another store; its append number `at` (from 1) and all after it raise StoreError.

    written: the entries of append `at` are kept all the same, as when a server commits and its answer is lost.
    `appends` counts; `at = 0` heals the store.
    """

    def __init__(self, store: Store, at: int, *, written: bool = False) -> None:
        self.at, self.appends = at, 0
        self._store, self._written = store, written

    def session(self, id: str) -> Session:
        """The conversation of this name."""
        return Session(self, id)

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Pass the entries on, or fail."""
        self.appends += 1
        fails = 0 < self.at <= self.appends
        if not fails or (self._written and self.appends == self.at):
            await self._store.append(journal, position, entries)
        if fails:
            raise StoreError(f"append {self.appends} failed, as the test asks")

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on."""
        return await self._store.load(journal, start)

    async def journals(self) -> list[str]:
        """The names of all journals."""
        return await self._store.journals()

    async def delete(self, journal: str) -> None:
        """Forget a journal."""
        await self._store.delete(journal)
