"""Clients in numbers, slow ones among them: what it costs the others, and what stays behind."""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import httpx
import pytest

from .worker import worker

SECONDS = float(os.environ.get("LOAD_SECONDS") or 8)
CLIENTS = 200
BODY = (
    b'{"model":"offline","stream":true,"messages":[{"role":"user","content":"Tell me about Oslo and Rome, please."}]}'
)
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
FIRST_CHUNKS = 3  # of the median


@dataclass
class Seen:
    """What the clients of a load saw: seconds to the first chunk, and answers that were wrong."""

    waits: list[float] = field(default_factory=list)
    wrong: list[bytes] = field(default_factory=list)

    def p99(self) -> float:
        return statistics.quantiles(self.waits, n=100)[98]


async def keep_asking(port: int, until: float, seen: Seen) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while perf_counter() < until:
        began = perf_counter()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        first = await reader.readuntil(b"\n\n")
        seen.waits.append(perf_counter() - began)
        rest = await reader.readuntil(b"\r\n0\r\n\r\n")
        if b" 200 " not in head or b"chat.completion.chunk" not in first or b"data: [DONE]" not in rest:
            seen.wrong.append(head + first + rest)
    writer.close()
    await writer.wait_closed()


def load(port: int, clients: int, seconds: float) -> Seen:
    """Clients that ask again and again, each over its own connection."""
    seen, until = Seen(), perf_counter() + seconds

    async def main() -> None:
        await asyncio.gather(*(keep_asking(port, until, seen) for _ in range(clients)))

    asyncio.run(main())
    return seen


def held(pid: int, port: int) -> tuple[int, int, int]:
    """Open files, tasks, and resident memory in KiB of the server."""
    tasks = httpx.get(f"http://127.0.0.1:{port}/tasks", trust_env=False).json()
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0])
    return len(list(Path(f"/proc/{pid}/fd").iterdir())), tasks, resident


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_200_streaming_clients_get_their_answers_and_leave_nothing_behind(tmp_path: Path) -> None:
    with worker(tmp_path / "s.db") as (process, port):
        load(port, CLIENTS, min(2, SECONDS / 4))  # what is made once is made
        files, tasks, resident = held(process.pid, port)
        seen = load(port, CLIENTS, SECONDS)
        after = held(process.pid, port)
    median, p99 = statistics.median(seen.waits), seen.p99()
    print(f"{len(seen.waits)} answers in {SECONDS:g} s; first chunk: median {median:.3f} s, p99 {p99:.3f} s")
    assert seen.wrong == []
    assert p99 <= FIRST_CHUNKS * median
    assert after[0] <= files + 2
    assert after[1] <= tasks + 2
    assert after[2] <= resident * 1.2, f"{resident} KiB became {after[2]} KiB"


@pytest.mark.slow
def test_clients_that_do_not_read_do_not_slow_the_others(tmp_path: Path) -> None:
    with worker(tmp_path / "s.db") as (_, port):
        load(port, 5, 0.5)
        alone = load(port, 5, 2)
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for connection in slow:
            connection.sendall(REQUEST)
        beside = load(port, 5, 2)
        for connection in slow:
            connection.close()
    assert alone.wrong == beside.wrong == []
    assert statistics.median(beside.waits) <= 2 * statistics.median(alone.waits)
    assert len(beside.waits) >= len(alone.waits) / 2
