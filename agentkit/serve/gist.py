"""What the list of sessions and the search know of each."""

from __future__ import annotations

from dataclasses import dataclass

import anyio.lowlevel
from pydantic import ValidationError

from agentkit.errors import ConfigurationError
from agentkit.journal import Store, load_entry

from .transcript import Transcript

TITLE = 80  # characters
KEPT = 1000  # gists that are remembered


@dataclass(frozen=True, slots=True)
class Gist:
    """A session in short; `text` is all that can be searched."""

    title: str
    agent: str
    status: str
    text: str

    @classmethod
    def of(cls, transcript: Transcript) -> Gist:
        """The gist of a session as it stands."""
        items = transcript.told()
        said = (item["text"] for item in items if item["kind"] == "user")
        title = " ".join(next(said, "").split())[:TITLE]
        calls = [call for item in items for call in item.get("calls", ())]
        told = [f"{call['tool']} {call['arguments']} {call['result'] or ''}" for call in calls]
        text = "\n".join([*(item["text"] for item in items), *told])
        return cls(title, transcript.agent, transcript.status, text.casefold())


class Gists:
    """Gists of a store's journals, made anew only when a journal has changed: a search asks for each letter."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[tuple[object, ...], Gist | None]] = {}

    async def find(self, journal: str) -> Gist | None:
        """The gist of a journal; None for one that cannot be read. Raises StoreError."""
        rows = await self._store.load(journal)
        await anyio.lowlevel.checkpoint()  # a store in memory would let nobody else in
        stamp = (len(rows), *rows[:1], *rows[-1:])
        known = self._known.pop(journal, None)
        if known is None or known[0] != stamp:
            known = (stamp, _read(journal, rows))
        self._known[journal] = known  # the one asked for last stands last
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return known[1]


def _read(journal: str, rows: list[bytes]) -> Gist | None:
    try:
        return Gist.of(Transcript(journal, [load_entry(row) for row in rows]))
    except (ValidationError, ConfigurationError):
        return None
