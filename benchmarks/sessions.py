"""python -m benchmarks.sessions: what a session costs in a file with many others. Prints a Markdown table.

Loading one must take time by its own length, not by the file's; appending must cost the same at its end as at its
beginning. Ends with 1 when either does not hold, within a factor of 1.5.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median

import anyio

from agentkit import Agent, FunctionModel, MemoryStore, SQLiteStore

SAMPLES = 300
ALLOWED = 1.5


async def rows_of(messages: int) -> list[bytes]:
    """The journal of a conversation of as many messages, as an agent writes it."""
    agent, session = (
        Agent(FunctionModel(lambda request: "The answer to that is a sentence.")),
        MemoryStore().session("a"),
    )
    for number in range(messages // 2):
        await agent.run(f"Question {number}, in a sentence of usual length?", session=session)
    return await session.store.load(session.id)


async def in_turns(samples: int, works: Sequence[Callable[[int], Awaitable[object]]]) -> list[float]:
    """The median time of each piece of work in µs; they take turns, so that a busy moment falls on all."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(samples):
        for work, times in zip(works, taken, strict=True):
            began = time.perf_counter()
            await work(number)
            times.append((time.perf_counter() - began) * 1e6)
    return list(map(median, taken))


async def fill(store: SQLiteStore, rows: list[bytes], first: int, last: int) -> None:
    for number in range(first, last):
        await store.append(f"session {number}", 0, rows)


async def load_times(small: SQLiteStore, store: SQLiteStore, sessions: int, messages: int) -> list[tuple[str, float]]:
    """Loading one session of a small file and of a large one, and one ten times as long."""
    rows, long, few = await rows_of(messages), await rows_of(10 * messages), sessions // 100
    await fill(small, rows, 0, few)
    await fill(store, rows, 0, sessions)
    await fill(store, long, sessions, sessions + 20)
    choice = random.Random(7)
    taken = await in_turns(
        SAMPLES,
        (
            lambda n: small.load(f"session {choice.randrange(few)}"),
            lambda n: store.load(f"session {choice.randrange(sessions)}"),
            lambda n: store.load(f"session {sessions + n % 20}"),
        ),
    )
    names = (
        f"load {messages} messages, {few:,} sessions in the file",
        f"load {messages} messages, {sessions:,} sessions in the file",
        f"load {10 * messages} messages, {sessions:,} sessions in the file",
    )
    return list(zip(names, taken, strict=True))


async def append_times(store: SQLiteStore, entries: int) -> list[tuple[str, float]]:
    """Appending one entry near the beginning and near the end of a long session, in turns: the disk has its moods."""
    row = (await rows_of(2))[:1]
    await store.append("short", 0, row * 10)
    await store.append("long", 0, row * (entries - SAMPLES))
    early, late = await in_turns(
        SAMPLES,
        (
            lambda n: store.append("short", 10 + n, row),
            lambda n: store.append("long", entries - SAMPLES + n, row),
        ),
    )
    return [("append one entry from entry 10 on", early), (f"append one entry up to entry {entries:,}", late)]


async def main(sessions: int, messages: int, entries: int) -> int:
    with tempfile.TemporaryDirectory(prefix="agentkit-sessions-") as folder:
        path = Path(folder) / "sessions.db"
        async with SQLiteStore(Path(folder) / "small.db") as small, SQLiteStore(path) as store:
            loads = await load_times(small, store, sessions, messages)
            appends = await append_times(store, entries)
            size = path.stat().st_size / 1e6
    print(f"| {sessions:,} sessions of {messages} messages, {size:.0f} MB | median |\n|---|---|")
    for what, taken in (*loads, *appends):
        print(f"| {what} | {taken:,.0f} µs |")
    (_, few), (_, many), _ = loads
    (_, early), (_, late) = appends
    print(f"\nloading, many sessions / few: {many / few:.2f}; appending, late / early: {late / early:.2f}")
    return int(many / few > ALLOWED or late / early > ALLOWED)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sessions")
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--messages", type=int, default=50)
    parser.add_argument("--entries", type=int, default=10_000)
    options = parser.parse_args()
    sys.exit(anyio.run(main, options.sessions, options.messages, options.entries))
