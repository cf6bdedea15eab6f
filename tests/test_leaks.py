"""Nothing is left behind: no task, no thread, no socket, whatever way a run ended."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from agentkit import Agent, ModelError, RemoteModel, tool
from tests.loopback import Loopback, Reply, closed, serve, sse, whole

CALL = {"index": 0, "id": "c", "function": {"name": "slow", "arguments": "{}"}}
ASK = sse(
    {"choices": [{"index": 0, "delta": {"tool_calls": [CALL]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    "[DONE]",
)
TEXT = sse(
    {"choices": [{"index": 0, "delta": {"content": "hel"}}]},
    {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
    "[DONE]",
)
HANGS = sse({"choices": [{"index": 0, "delta": {"content": "hel"}}]}, ending="hang")
CUT = sse({"choices": [{"index": 0, "delta": {"content": "hel"}}]}, ending="cut")
BUSY = whole({"error": "busy"}, 400)


@tool
async def slow() -> str:
    """Takes as long as the test wants: it is always cancelled or waited for."""
    await anyio.sleep(0.01)
    return "done"


@contextmanager
def nothing_left(server: Loopback) -> Iterator[None]:
    threads = set(threading.enumerate())
    yield
    gc.collect()
    left = [thread for thread in threading.enumerate() if thread not in threads and thread not in server.threads]
    assert [thread.name for thread in left if "AnyIO worker" not in thread.name] == []


async def consume(agent: Agent[None, str], how: str) -> None:
    if how == "run":
        await agent.run("go")
        return
    async with agent.stream("go") as run:
        async for _ in run:
            if how == "leave":
                break


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    ("replies", "how"),
    [
        ([ASK, TEXT], "stream"),
        ([whole({"choices": [{"message": {"content": "hi"}}]})], "run"),
        ([ASK, HANGS], "leave"),
        ([HANGS], "leave"),
        ([HANGS], "cancel"),
        ([CUT], "stream"),
        ([BUSY], "stream"),
        ([BUSY], "run"),
        ([Reply(b"", ending="reset")], "run"),
    ],
    ids=["done", "whole", "left-in-a-call", "left", "cancelled", "cut", "refused", "refused-whole", "reset"],
)
def test_a_run_leaves_no_task_thread_or_connection(replies: list[Reply], how: str, backend: str) -> None:
    async def main(server: Loopback) -> None:
        agent = Agent(RemoteModel("m", base_url=server.base_url, retries=0), tools=[slow])
        try:
            if how == "cancel":
                with anyio.move_on_after(0.1):
                    await consume(agent, "stream")
            else:
                await consume(agent, how)
        except ModelError:
            pass
        if backend == "asyncio":
            assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await closed(server)

    with serve(replies) as server, nothing_left(server):
        anyio.run(main, server, backend=backend)


PROGRAM = """
from agentkit import Agent, RemoteModel
agent = Agent(RemoteModel("m", base_url=%r, retries=0))
print(agent.run_sync("a").output)
with agent.stream_sync("b") as run:
    print(run.finish().output)
with agent.stream_sync("c") as run:
    for event in run:
        break
"""


def test_a_sync_program_ends_silently_with_warnings_as_errors() -> None:
    answer: dict[str, Any] = {"choices": [{"message": {"content": "hello"}}]}
    with serve([whole(answer), TEXT, HANGS]) as server:
        command = [sys.executable, "-W", "error", "-c", PROGRAM % server.base_url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("hello\nhello\n", "", 0)
