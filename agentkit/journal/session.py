"""Session: one conversation in a store, over any number of runs; and the store it has when none is given."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import ValidationError

from agentkit.errors import ConfigurationError, StoreError

from .entry import Entry, Rewound, dump_entry, load_entry
from .state import RunState
from .store import Store, conflict, still_owned

LONGEST = 256  # characters of a session's id


class MemoryStore:
    """Journals in this process, gone with it."""

    def __init__(self) -> None:
        self._journals: dict[str, list[bytes]] = {}
        self._owners: dict[str, object] = {}

    def session(self, id: str) -> Session:
        """The conversation of this name; it begins when it is first run."""
        return Session(self, id)

    async def append(self, journal: str, position: int, entries: Sequence[bytes]) -> None:
        """Add entries at exactly this position. Raises SessionConflict if somebody was there first."""
        rows = self._journals.get(journal, [])
        if len(rows) != position:
            raise conflict(journal, len(rows), position)
        self._journals.pop(journal, None)
        self._journals[journal] = rows  # the newest stands last
        rows.extend(entries)

    async def load(self, journal: str, start: int = 0) -> list[bytes]:
        """The rows from `start` on."""
        return self._journals.get(journal, [])[start:]

    async def journals(self) -> list[str]:
        """The names of all journals, the one changed last first."""
        return list(reversed(self._journals))

    async def delete(self, journal: str) -> None:
        """Forget a journal."""
        self._journals.pop(journal, None)

    @asynccontextmanager
    async def hold(self, journal: str, *, take_over: bool = False) -> AsyncGenerator[None]:
        """Be the journal's owner inside the block. Raises SessionConflict while another run is."""
        if journal in self._owners and not take_over:
            raise still_owned(journal, "in this process")
        me = self._owners[journal] = object()
        try:
            yield
        finally:
            if self._owners.get(journal) is me:
                del self._owners[journal]


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Session:
    """One conversation in a store. `Session()` keeps it in memory."""

    store: Store = field(default_factory=MemoryStore)
    id: str = field(default_factory=_new_id)

    def __post_init__(self) -> None:
        if not hasattr(self.store, "append"):
            raise ConfigurationError(f"Session({self.store!r}): its store comes first; write store.session(id)")
        if not isinstance(cast("object", self.id), str) or not 0 < len(self.id) <= LONGEST or not self.id.isprintable():
            raise ConfigurationError(f"{self.id!r} is no session id: use a text of 1 to {LONGEST} printable characters")

    async def load(self) -> RunState:
        """The state its journal leads to. Raises StoreError if the store cannot read."""
        entries = await self.entries()
        try:
            return RunState.folded(self.id, entries, len(entries))
        except ConfigurationError as error:
            raise StoreError(f"session {self.id!r} is damaged: its entries do not follow each other: {error}") from None

    async def entries(self) -> list[Entry]:
        """All that happened, oldest first. Raises StoreError for a row that is no entry."""
        found: list[Entry] = []
        for row in await self.store.load(self.id):
            try:
                found.append(load_entry(row))
            except ValidationError as error:
                reason = error.errors(include_url=False, include_input=False)[0]["msg"]
                raise StoreError(f"session {self.id!r} is damaged at entry {len(found)}: {reason}") from None
        return found

    async def export(self) -> str:
        """The journal as JSON lines, one entry a line."""
        return "".join(f"{row.decode()}\n" for row in await self.store.load(self.id))

    async def fork(self, at: int | None = None, *, id: str | None = None) -> Session:
        """A new session of the same store that begins with this one's first `at` entries (None: all of them).

        Raises SessionConflict when a session of that id exists.
        """
        rows = await self.store.load(self.id)
        self._check(at, len(rows))
        new = replace(self, id=id or _new_id())
        await self.store.append(new.id, 0, rows[:at])
        return new

    async def rewind(self, to: int) -> RunState:
        """Go back to where the conversation stood after its first `to` entries. Nothing is deleted: it is an entry."""
        rows = await self.store.load(self.id)
        self._check(to, len(rows))
        await self.store.append(self.id, len(rows), [dump_entry(Rewound(to))])
        return await self.load()

    async def delete(self) -> None:
        """Forget the conversation."""
        await self.store.delete(self.id)

    def _check(self, position: int | None, length: int) -> None:
        if position is not None and not 0 <= position <= length:
            raise ConfigurationError(f"session {self.id!r} has {length} entries; {position} is not among them")
