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
from collections.abc import Awaitable, Callable
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


async def microseconds(samples: int, work: Callable[[int], Awaitable[object]]) -> float:
    """The median time of one piece of work."""
    taken: list[float] = []
    for number in range(samples):
        began = time.perf_counter()
        await work(number)
        taken.append(time.perf_counter() - began)
    return median(taken) * 1e6


async def fill(store: SQLiteStore, rows: list[bytes], first: int, last: int) -> None:
    for number in range(first, last):
        await store.append(f"session {number}", 0, rows)


async def load_times(store: SQLiteStore, sessions: int, messages: int) -> list[tuple[str, float]]:
    """Loading one session of a small and of the whole file, and one ten times as long."""
    rows, choice, found = await rows_of(messages), random.Random(7), list[tuple[str, float]]()
    begun = 0
    for count in (sessions // 100, sessions):
        await fill(store, rows, begun, count)
        begun = count
        await store.load("session 0")
        taken = await microseconds(SAMPLES, lambda n, of=count: store.load(f"session {choice.randrange(of)}"))
        found.append((f"load {messages} messages, {count:,} sessions in the file", taken))
    long = await rows_of(10 * messages)
    await fill(store, long, sessions, sessions + 20)
    taken = await microseconds(SAMPLES, lambda n: store.load(f"session {sessions + n % 20}"))
    found.append((f"load {10 * messages} messages, {sessions:,} sessions in the file", taken))
    return found


async def append_times(store: SQLiteStore, entries: int) -> list[tuple[str, float]]:
    """Appending one entry near the beginning and near the end of a long session, in turns: the disk has its moods."""
    row = (await rows_of(2))[:1]
    await store.append("short", 0, row * 10)
    await store.append("long", 0, row * (entries - SAMPLES))
    early, late = list[float](), list[float]()
    for number in range(SAMPLES):
        for name, position, taken in (("short", 10 + number, early), ("long", entries - SAMPLES + number, late)):
            began = time.perf_counter()
            await store.append(name, position, row)
            taken.append((time.perf_counter() - began) * 1e6)
    return [
        ("append one entry from entry 10 on", median(early)),
        (f"append one entry up to entry {entries:,}", median(late)),
    ]


async def main(sessions: int, messages: int, entries: int) -> int:
    with tempfile.TemporaryDirectory(prefix="agentkit-sessions-") as folder:
        path = Path(folder) / "sessions.db"
        async with SQLiteStore(path) as store:
            loads = await load_times(store, sessions, messages)
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
