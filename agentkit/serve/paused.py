"""Runs that wait: for results of the client's tools, or for somebody's decision."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic_core import from_json, to_json

from agentkit.chat import Json
from agentkit.errors import SessionConflict
from agentkit.journal import MemoryStore, RunState, Session, Store, Waiting, dump_entry


@dataclass(frozen=True)
class Parked:
    """A run that waits for the client's tools, and until when (in the process's monotonic seconds)."""

    session: Session
    model: str
    until: float


@dataclass(frozen=True, eq=False)
class Parking:
    """Where such runs wait, under the ids of their calls; in memory, because a lost one is begun anew (S15)."""

    seconds: float = 15 * 60
    most: int = 10_000
    store: MemoryStore = field(default_factory=MemoryStore)
    _by_call: dict[tuple[str, str], Parked] = field(default_factory=dict[tuple[str, str], Parked])

    async def keep(self, owner: str, session: Session, model: str, calls: Collection[str]) -> None:
        """Keep a run for its client; the oldest of too many is forgotten."""
        parked = Parked(session, model, time.monotonic() + self.seconds)
        self._by_call.update({(owner, call): parked for call in calls})
        while self._by_call:
            key, oldest = next(iter(self._by_call.items()))
            if oldest.until > time.monotonic() and len(self._by_call) <= self.most:
                break
            del self._by_call[key]
            if oldest.session.store is self.store:
                await oldest.session.delete()

    def find(self, owner: str, model: str, calls: Collection[str]) -> Session | None:
        """The run that waits for all of these calls, at this model; None when there is none any more."""
        found = {self._by_call.get((owner, call)) for call in calls}
        parked = found.pop() if len(found) == 1 else None
        return parked.session if parked and parked.model == model and parked.until > time.monotonic() else None

    def over(self, owner: str, calls: Collection[str]) -> None:
        """These calls wait no more: their run went on."""
        for call in calls:
            self._by_call.pop((owner, call), None)


def call_id(run_id: str, call: str) -> str:
    """The id under which a client gets a call: models repeat theirs, and clients of one key must not meet."""
    return f"call_{hashlib.sha256(f'{run_id}/{call}'.encode()).hexdigest()[:24]}"


def external_calls(state: RunState) -> dict[str, Waiting]:
    """The calls of the agent itself that wait for a result from outside, by the ids that clients have for them."""
    calls = [waiting for waiting in state.waiting if waiting.why == "external" and "/" not in waiting.call]
    return {call_id(state.run_id, waiting.call): waiting for waiting in calls}


async def stored_run(state: RunState, store: Store, journal: str) -> Session:
    """A run that had no session, written into one of its own to go on later."""
    await store.append(journal, 0, [dump_entry(entry) for entry in state.entries])
    return Session(store, journal)


async def write_record(store: Store, name: str, record: Json) -> None:
    """Write down, once, which run waits for a decision, and what it was asked."""
    try:
        await store.append(name, 0, [to_json(record)])
    except SessionConflict:
        return  # it waited before


async def read_record(store: Store, name: str) -> Json | None:
    """What `write_record` wrote; None when no run waits under this name."""
    rows = await store.load(name)
    if not rows:
        return None
    record: Json = from_json(rows[0])
    return record
