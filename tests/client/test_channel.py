"""The channel between a run and who reads its events: bounded, in order, whole."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from agentkit.client import Channel

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("bound", [1, 4, 7])
async def test_a_writer_waits_for_a_slow_reader_and_nothing_is_lost(bound: int) -> None:
    channel, unread, most = Channel[int](bound), 0, 0

    async def write() -> None:
        nonlocal unread, most
        for n in range(50):
            await channel.put(n)
            unread += 1
            most = max(most, unread)
        await channel.close()

    read: list[int] = []
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            await anyio.wait_all_tasks_blocked()
            assert unread == bound
            async for item in channel:
                read.append(item)
                unread -= 1
                await checkpoint()
    assert read == [*range(50)]
    assert most <= bound + 1  # one is taken before it is counted as read


async def test_a_writer_that_waited_is_woken_for_half_a_channel_not_for_each_item() -> None:
    channel, written = Channel[int](8), list[int]()

    async def write() -> None:
        for n in range(16):
            await channel.put(n)
            written.append(n)

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        seen = []
        for n in range(5):
            assert await anext(channel) == n
            await anyio.wait_all_tasks_blocked()
            seen.append(len(written))
        group.cancel_scope.cancel()
    assert seen == [8, 8, 8, 12, 12]
