"""Where journals are kept. Compare-and-append is the only lock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agentkit.errors import SessionConflict

from .entry import load_entry
from .state import RunState


class Store(Protocol):
    """Keeps journals as rows of bytes, one row an entry."""

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position, all or none. Raises SessionConflict if somebody was there first."""
        ...

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on; none for a journal that does not exist."""
        ...


class MemoryStore:
    """Journals in this process."""

    def __init__(self) -> None:
        self._journals: dict[str, list[bytes]] = {}

    def session(self, id: str) -> Session:
        """The conversation of this name; it begins when it is first run."""
        return Session(self, id)

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position. Raises SessionConflict if somebody was there first."""
        rows = self._journals.setdefault(journal, [])
        if len(rows) != position:
            raise SessionConflict(
                f"session {journal!r} has {len(rows)} entries, not {position}: another run wrote to it; "
                "run again on the session, or use one session for each conversation"
            )
        rows.extend(entries)

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on."""
        return self._journals.get(journal, [])[start:]


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Session:
    """One conversation in a store, over any number of runs. `Session()` keeps it in memory."""

    store: Store = field(default_factory=MemoryStore)
    id: str = field(default_factory=_new_id)

    async def load(self) -> RunState:
        """The state its journal leads to. Raises StoreError if the store cannot read."""
        rows = await self.store.load(self.id)
        return RunState.folded(self.id, map(load_entry, rows), len(rows))
