"""A crash at every commit and around every effect: nothing lost, no write done twice, the run ends (F4, in one process)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentkit import MemoryStore, RunState, Session, SessionConflict
from agentkit.journal import Result, Started
from tests.backends import trio_is_slow
from tests.invariants import check_invariants

from . import golden
from .dying import Dying, crashing
from .golden import EXPECTED, Effects, golden_agent

pytestmark = pytest.mark.anyio


async def to_the_end(session: Session, effects: Effects) -> RunState:
    """Go on, deciding what waits, until the run is done: what an application does after its restart."""
    agent = golden_agent(effects)
    return await golden.to_the_end(lambda given, session: agent.run(given, session=session), session)


async def crashed_at(moment: int, store: MemoryStore, effects: Effects) -> Dying:
    """The golden run in a process that dies at its n-th moment."""
    dying = Dying(store, moment)
    effects.point = dying.point
    async with crashing():
        await to_the_end(Session(dying, "s"), effects)
    effects.point = lambda name: None
    return dying


async def all_moments() -> list[str]:
    effects, store = Effects(), MemoryStore()
    dying = await crashed_at(10**6, store, effects)
    assert effects.counted() == EXPECTED
    return dying.moments


def check_nothing_lost(state: RunState, effects: Effects) -> None:
    """Each effect of a write has its call started in the journal, and each call ended somehow."""
    effects.check_at_most_once()
    check_invariants(state)
    started = {entry.call for entry in state.entries if isinstance(entry, Started)}
    ended = {entry.call for entry in state.entries if isinstance(entry, Result)}
    writes = sum(1 for name, _ in effects.done if name in EXPECTED)
    assert writes <= len(started)
    assert state.open_calls == []
    assert state.final is not None
    assert state.final.text == "done"
    told_unknown = sum("unknown" in str(m.content) for m in state.messages if m.role == "tool")
    missing = sum(EXPECTED.values()) - writes
    assert missing <= told_unknown, "an effect that never happened was reported as done"
    assert len(ended) + told_unknown >= len(started)


async def test_the_golden_run_has_its_moments() -> None:
    moments = await all_moments()
    assert len(moments) >= 40
    assert moments.count("before commit") == moments.count("after commit") >= 12
    assert {"before pay", "after pay", "before refund", "after tag"} <= set(moments)


@trio_is_slow
@pytest.mark.parametrize("resumers", [1, 2], ids=["one-resumer", "two-resumers"])
async def test_after_a_crash_at_any_moment_the_run_ends_and_no_write_is_done_twice(
    resumers: int, cases: Callable[[int], None]
) -> None:
    moments = await all_moments()
    for moment in range(1, len(moments) + 1):
        store, effects = MemoryStore(), Effects()
        await crashed_at(moment, store, effects)
        finished: list[RunState] = []

        async def resume(store: MemoryStore = store, effects: Effects = effects, out: Any = finished) -> None:
            try:
                out.append(await to_the_end(store.session("s"), effects))
            except SessionConflict:
                return

        async with anyio.create_task_group() as group:
            for _ in range(resumers):
                group.start_soon(resume)
        assert len(finished) >= 1, f"moment {moment}: {moments[moment - 1]}"
        check_nothing_lost(await store.session("s").load(), effects)
    cases(len(moments))


@trio_is_slow
async def test_after_two_crashes_in_a_row_the_run_still_ends() -> None:
    moments = await all_moments()
    for first in range(1, len(moments) + 1, 3):
        for second in range(1, 13, 3):
            store, effects = MemoryStore(), Effects()
            await crashed_at(first, store, effects)
            await crashed_at(second, store, effects)
            check_nothing_lost(await to_the_end(store.session("s"), effects), effects)


async def test_from_every_prefix_of_the_journal_the_run_ends_in_a_sendable_history() -> None:
    whole, effects = MemoryStore(), Effects()
    await to_the_end(whole.session("s"), effects)
    rows = await whole.load("s")
    for length in range(1, len(rows)):
        store = MemoryStore()
        await store.append("s", 0, rows[:length])
        state = await store.session("s").load()
        check_invariants(state)
        ended = await to_the_end(store.session("s"), Effects())
        check_invariants(ended)
        assert ended.final is not None
