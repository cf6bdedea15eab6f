"""Many runs at one endpoint: limits, the order of coming, and storms of refusals."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatClient, ChatRequest, RateLimited, RemoteModel, ServerFailed, tool
from agentkit.chat import UserMessage
from tests.loopback import Received, Reply, serve, whole

pytestmark = pytest.mark.anyio

ANSWER: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 70, "completion_tokens": 10, "total_tokens": 80},
}
REFUSED = whole({"error": {"message": "too many"}}, 429, retry_after_ms="1")


def asked(text: str) -> ChatRequest:
    return ChatRequest(model="m", messages=(UserMessage(content=text),))


class Busy:
    """Answers after a moment; knows how many it answers at a time, and in which order they came."""

    def __init__(self, places: int | None = None, seconds: float = 0.02) -> None:
        self.places, self.seconds = places, seconds
        self.taken, self.most, self.served, self.refused = 0, 0, list[str](), 0
        self._lock, self._never = threading.Lock(), threading.Event()

    def __call__(self, received: Received) -> Reply:
        with self._lock:
            if self.places is not None and self.taken >= self.places:
                self.refused += 1
                return REFUSED
            self.taken += 1
            self.most = max(self.most, self.taken)
            self.served.append(received.json["messages"][0]["content"])
        self._never.wait(self.seconds)
        with self._lock:
            self.taken -= 1
        return whole(ANSWER)


async def all_at_once(client: ChatClient, requests: int) -> list[str]:
    """The order in which they asked: trio begins tasks in any."""
    came: list[str] = []

    async def one(number: int) -> None:
        came.append(str(number))
        assert (await client.complete(asked(str(number)))).message.text == "hello"

    async with client, anyio.create_task_group() as group:
        for number in range(requests):
            group.start_soon(one, number)
    return came


async def test_no_more_than_max_concurrency_are_in_flight_and_none_overtakes() -> None:
    busy = Busy()
    with serve(busy) as server:
        came = await all_at_once(ChatClient(server.base_url, max_concurrency=1), 10)
        assert busy.served == came
        await all_at_once(ChatClient(server.base_url, max_concurrency=4), 20)
    assert busy.most == 4


async def test_the_runs_of_one_model_share_its_limit() -> None:
    busy = Busy()
    with serve(busy) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url, max_concurrency=3))
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(agent.run, str(number))
    assert (busy.most, len(busy.served)) == (3, 12)


async def test_who_is_refused_among_others_queues_again_however_often_and_the_client_slows_down() -> None:
    busy = Busy(places=5)
    with serve(busy) as server:
        await all_at_once(ChatClient(server.base_url, retries=1), 60)
    assert (len(busy.served), busy.most) == (60, 5)
    assert busy.refused < 120


async def test_a_server_that_refuses_everybody_fails_everybody_after_the_retries_of_one() -> None:
    failed = 0

    async def one(client: ChatClient) -> None:
        nonlocal failed
        with pytest.raises(RateLimited):
            await client.complete(asked("hi"))
        failed += 1

    with serve(lambda received: REFUSED) as server:
        client = ChatClient(server.base_url)
        with anyio.fail_after(20):
            async with client, anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(one, client)
        assert failed == 20
        assert len(server.requests) < 20 * 3


async def test_retry_after_holds_for_all_requests_of_the_client() -> None:
    later = whole({"error": {"message": "later"}}, 429, retry_after="1")
    with serve([later, whole(ANSWER), whole(ANSWER)]) as server:
        client = ChatClient(server.base_url)
        begin = anyio.current_time()
        async with client, anyio.create_task_group() as group:
            group.start_soon(client.complete, asked("first"))
            while not server.requests:
                await anyio.sleep(0.01)
            await anyio.sleep(0.2)  # its answer is there
            await client.complete(asked("second"))
        assert anyio.current_time() - begin >= 1
        assert [r.json["messages"][0]["content"] for r in server.requests] == ["first", "first", "second"]


async def test_requests_and_tokens_of_a_minute_are_kept_although_no_connection_is() -> None:
    with serve(lambda received: whole(ANSWER)) as server:
        by_count = ChatClient(server.base_url, requests_per_minute=2)
        by_tokens = ChatClient(server.base_url, tokens_per_minute=100)
        for client, allowed in ((by_count, 2), (by_tokens, 2)):
            for _ in range(allowed):  # 80 tokens each: the estimate of the second still fits, the third's does not
                await client.complete(asked("hi"))
            with anyio.move_on_after(0.1) as scope:
                await client.complete(asked("hi"))
            assert scope.cancelled_caught
        assert len(server.requests) == 4


async def test_who_leaves_the_queue_holds_nobody_up() -> None:
    busy = Busy(seconds=0.2)
    with serve(busy) as server:
        client = ChatClient(server.base_url, max_concurrency=1)
        async with client, anyio.create_task_group() as group:
            group.start_soon(client.complete, asked("first"))
            await anyio.sleep(0.05)
            with anyio.move_on_after(0.05):
                await client.complete(asked("gone"))
            await client.complete(asked("last"))
    assert busy.served == ["first", "last"]


async def test_a_place_is_free_again_after_an_error() -> None:
    with serve([whole({"error": {"message": "no"}}, 500), whole(ANSWER)]) as server:
        client = ChatClient(server.base_url, max_concurrency=1, retries=0)
        async with client:
            with pytest.raises(ServerFailed):
                await client.complete(asked("hi"))
            with anyio.fail_after(10):
                assert (await client.complete(asked("hi"))).message.text == "hello"


@contextmanager
def crowded(places: int, seconds: float, turns: int) -> Iterator[tuple[str, Callable[[], dict[str, float]]]]:
    """A server in a process of its own, and what it saw."""
    program = Path(__file__).parent.parent / "crowded.py"
    command = [sys.executable, str(program), str(places), str(seconds), str(turns)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        stdin, stdout = process.stdin, process.stdout

        def seen() -> dict[str, float]:
            stdin.close()
            found: dict[str, float] = json.loads(stdout.readline())
            return found

        try:
            yield f"http://127.0.0.1:{int(stdout.readline())}/v1", seen
        finally:
            process.kill()


@tool(effect="read")
async def look(at: int) -> str:
    """Look there."""
    return "nothing"


async def storm(max_concurrency: int | None) -> dict[str, float]:
    """1,000 runs of two turns against a server that refuses above 50 at a time, 100 ms each; what the server saw."""
    with crowded(50, 0.1, turns=2) as (base_url, seen):
        agent = Agent(RemoteModel("m", base_url=base_url, max_concurrency=max_concurrency), tools=[look])

        async def one() -> None:
            assert (await agent.run("look around")).output == "done"

        async with agent, anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(one)
        return seen()


@pytest.mark.slow
async def test_a_storm_of_a_thousand_runs_uses_four_fifths_of_a_server_that_refuses_and_none_fails() -> None:
    seen = await storm(None)
    assert (seen["served"], seen["most"]) == (2000, 50)
    assert seen["refused"] < 200
    if seen["used"] < 0.8:  # on a machine too slow for that: of what a client uses there that was told the number
        told = await storm(50)
        assert seen["used"] > 0.8 * told["used"], (seen, told)
