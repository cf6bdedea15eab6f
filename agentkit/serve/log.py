"""The log of one run's events: numbered and timed, kept for a while, read by anybody at their own pace."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

import anyio

LONGEST = 1024 * 1024  # bytes of a log; older events are dropped
BATCH = 256  # events that are sent at once
HEARTBEAT = 15.0  # seconds of silence after which a reader hears that the server lives


class RunLog:
    """One writer that never waits, any number of readers; each knows the number of the last event that it has."""

    def __init__(self, longest: int = LONGEST) -> None:
        self.last = 0  # number of the newest event
        self.size = 0
        self.closed = False
        self._longest = longest
        self._rows: list[bytes] = []  # the newest events, as JSON
        self._epoch = time.time() - time.monotonic()  # a clock that is set must not bend the timeline
        self._news = anyio.Event()

    def add(self, event: str) -> None:
        """Write an event down, given as a JSON object."""
        self.last += 1
        row = f'{{"n":{self.last},"at":{self._epoch + time.monotonic():.6f},{event[1:]}'.encode()
        self._rows.append(row)
        self.size += len(row)
        if self.size > self._longest and len(self._rows) > 1:
            half = len(self._rows) // 2
            self.size -= sum(map(len, self._rows[:half]))
            del self._rows[:half]
        self._wake()

    def close(self) -> None:
        """There will be no more events."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def since(self, after: int) -> list[tuple[int, bytes]]:
        """The next events after this number; where some are gone, an event that says so comes first."""
        dropped = self.last - len(self._rows)
        found: list[tuple[int, bytes]] = []
        if after < dropped:
            found = [(dropped, b'{"n":%d,"event":"EventsDropped","first":%d}' % (dropped, dropped + 1))]
            after = dropped
        rows = self._rows[after - dropped : after - dropped + BATCH]
        return found + [(after + n, row) for n, row in enumerate(rows, 1)]

    async def follow(self, after: int, heartbeat: float = HEARTBEAT) -> AsyncGenerator[bytes]:
        """Server-sent events after this number, until the log is closed and read."""
        yield b": events of a run\n\n"
        while True:
            news, closed, found = self._news, self.closed, self.since(after)
            if found:
                after = found[-1][0]
                yield b"".join(b"id: %d\ndata: %b\n\n" % event for event in found)
            elif closed:
                return
            else:
                with anyio.move_on_after(heartbeat) as waiting:
                    await news.wait()
                if waiting.cancelled_caught:
                    yield b":\n\n"
