"""ChatClient over loopback: retries, clocks, caps, lifetimes, and what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from anyio.lowlevel import checkpoint

from agentkit import (
    BadRequest,
    ChatClient,
    ChatRequest,
    ConfigurationError,
    ConnectionFailed,
    ProtocolError,
    RateLimited,
    ServerFailed,
    StreamInterrupted,
    Timeout,
)
from agentkit.chat import UserMessage
from tests.loopback import Received, Reply, closed, serve, sse, whole

pytestmark = pytest.mark.anyio

REQUEST = ChatRequest(model="m", messages=(UserMessage(content="hi"),))
ANSWER: dict[str, Any] = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]
}
STREAM = {"content-type": "text/event-stream"}
BUSY = whole({"error": {"message": "busy"}}, 503, retry_after_ms="1")


def text(content: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}


HELLO = sse(text("hel"), text("lo"), "[DONE]")


async def ignore(chunk: dict[str, Any], partial: Any) -> None:
    pass


async def test_what_is_retried_and_how_often() -> None:
    with serve([BUSY, BUSY, whole(ANSWER)]) as server:
        assert (await ChatClient(server.base_url).complete(REQUEST)).message.text == "hello"
        assert [r.body for r in server.requests] == [REQUEST.body()] * 3
    with serve([BUSY, BUSY, BUSY]) as server, pytest.raises(ServerFailed):
        await ChatClient(server.base_url).complete(REQUEST)
    with serve([BUSY, whole(ANSWER)]) as server, pytest.raises(ServerFailed):
        await ChatClient(server.base_url, retries=0).complete(REQUEST)


@pytest.mark.parametrize(
    "reply",
    [
        whole({"error": {"message": "bad"}}, 400),
        whole({"error": {"message": "out of money", "code": "insufficient_quota"}}, 429),
        whole({"error": {"message": "later"}}, 429, retry_after="121"),
        whole({}, 307, location="http://127.0.0.1:1/"),
    ],
    ids=["bad-request", "quota", "retry-after-too-long", "redirect"],
)
async def test_what_is_never_retried(reply: Reply) -> None:
    with serve([reply, whole(ANSWER)]) as server:
        with pytest.raises((BadRequest, RateLimited)) as raised:
            await ChatClient(server.base_url, "k" * 20).complete(REQUEST)
        assert len(server.requests) == 1
    if "retry-after" in reply.headers:
        assert isinstance(raised.value, RateLimited)
        assert raised.value.retry_after == 121


async def test_a_refused_connection_is_told_with_its_reason() -> None:
    with serve([]) as server:
        base_url = server.base_url
    with pytest.raises(ConnectionFailed, match="ConnectError"):
        await ChatClient(base_url, retries=0).complete(REQUEST)


@pytest.mark.parametrize("ending", ["reset", "cut"])
async def test_a_connection_lost_before_the_first_delta_is_tried_again_invisibly(ending: Any) -> None:
    role = {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}
    with serve([sse(b": hi\n\n", role, ending=ending), HELLO]) as server:
        completion = await ChatClient(server.base_url).complete(REQUEST, ignore)
        assert completion.message.text == "hello"
        assert len(server.requests) == 2


@pytest.mark.parametrize("ending", ["reset", "cut"])
async def test_after_the_first_delta_nothing_is_sent_again(ending: Any) -> None:
    with serve([sse(text("hel"), ending=ending), HELLO]) as server:
        with pytest.raises(StreamInterrupted) as raised:
            await ChatClient(server.base_url).complete(REQUEST, ignore)
        assert raised.value.text == "hel"
        assert len(server.requests) == 1


async def test_comments_do_not_keep_a_silent_stream_alive() -> None:
    drip = Reply(b": ping\n\n" * 400, cut=8, headers=STREAM, pause=0.02)
    with serve([drip, drip]) as server:
        with anyio.fail_after(5), pytest.raises(ConnectionFailed, match=r"no delta for 0\.2 s"):
            await ChatClient(server.base_url, timeout=Timeout(first=0.2), retries=0).complete(REQUEST, ignore)
        assert await closed(server)


async def test_a_timeout_before_the_first_delta_is_tried_once_more_only() -> None:
    silent = Reply(b"", headers=STREAM, ending="hang")
    with serve([silent] * 4) as server:
        with pytest.raises(ConnectionFailed) as raised:
            await ChatClient(server.base_url, timeout=Timeout(first=0.1), retries=3).complete(REQUEST, ignore)
        assert raised.value.timed_out
        assert len(server.requests) == 2


async def test_silence_between_deltas_ends_the_stream_with_what_came() -> None:
    with serve([sse(text("hel"), ending="hang")]) as server:
        client = ChatClient(server.base_url, timeout=Timeout(first=30, between=0.2))
        with anyio.fail_after(5), pytest.raises(StreamInterrupted, match=r"no delta for 0\.2 s") as raised:
            await client.complete(REQUEST, ignore)
        assert raised.value.text == "hel"
        assert await closed(server)


async def test_a_slow_stream_whose_deltas_keep_coming_is_read_to_its_end() -> None:
    slow = sse(*[text(letter) for letter in "abcdefgh"], "[DONE]")
    size = len(slow.body) // 9
    with serve([Reply(slow.body, size, headers=STREAM, pause=0.08)]) as server:
        client = ChatClient(server.base_url, timeout=Timeout(first=5, between=0.5))
        assert (await client.complete(REQUEST, ignore)).message.text == "abcdefgh"


async def test_connections_are_kept_inside_the_block_and_closed_after_it() -> None:
    with serve([HELLO, whole(ANSWER), HELLO]) as server:
        async with ChatClient(server.base_url) as client:
            await client.complete(REQUEST, ignore)
            await client.complete(REQUEST)
            async with client:  # held twice
                await client.complete(REQUEST, ignore)
            assert server.open_connections == 1
        assert server.connections == 1
        assert await closed(server)


async def test_without_a_block_nothing_is_left_open() -> None:
    with serve([HELLO, HELLO]) as server:
        client = ChatClient(server.base_url)
        await client.complete(REQUEST, ignore)
        assert await closed(server)
        await client.complete(REQUEST, ignore)
        assert await closed(server)
    gc.collect()  # a forgotten socket would warn, and warnings are errors


async def test_a_stream_is_an_iterator_and_leaving_it_closes_the_connection() -> None:
    with serve([HELLO, sse(text("hel"), ending="hang")]) as server:
        client = ChatClient(server.base_url)
        async with client.stream(REQUEST) as stream:
            with pytest.raises(ConfigurationError, match="the stream is not over"):
                _ = stream.completion
            pieces = [chunk["choices"][0]["delta"]["content"] async for chunk in stream]
        assert pieces == ["hel", "lo"]
        assert stream.completion.message.text == "hello"
        async with client.stream(REQUEST) as stream:
            async for _ in stream:
                break
        assert await closed(server)


async def test_cancelling_a_request_closes_its_connection() -> None:
    with serve([sse(text("hel"), ending="hang")]) as server:
        with anyio.move_on_after(0.2) as scope:
            await ChatClient(server.base_url).complete(REQUEST, ignore)
        assert scope.cancelled_caught
        assert await closed(server)


async def test_an_error_of_the_listener_passes_and_closes_the_connection() -> None:
    async def on_chunk(chunk: dict[str, Any], partial: Any) -> None:
        raise ZeroDivisionError

    with serve([sse(text("hel"), text("lo"), ending="hang")]) as server:
        with pytest.raises(ZeroDivisionError), anyio.fail_after(10):
            await ChatClient(server.base_url).complete(REQUEST, on_chunk)
        assert await closed(server)


async def test_many_requests_at_once_over_one_client() -> None:
    with serve(lambda received: HELLO) as server:
        async with ChatClient(server.base_url) as client, anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(client.complete, REQUEST, ignore)
        assert len(server.requests) == 40
        assert await closed(server)


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_answers_are_read_though_they_were_not_asked_for(name: str, pack: Any) -> None:
    body = Reply(
        pack(json.dumps(ANSWER).encode()), 5, headers={"content-type": "application/json", "content-encoding": name}
    )
    with serve([body]) as server:
        assert (await ChatClient(server.base_url).complete(REQUEST)).message.text == "hello"
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_bomb_and_an_unknown_encoding_are_refused() -> None:
    bomb = Reply(gzip.compress(b" " * (33 * 1024 * 1024)), headers={"content-encoding": "gzip"})
    unknown = Reply(b"?", headers={"content-encoding": "br"})
    damaged = Reply(b"no gzip", headers={"content-encoding": "gzip"})
    with serve([bomb, unknown, damaged]) as server:
        client = ChatClient(server.base_url)
        for reason in ("longer than 33554432 bytes", "content-encoding is 'br'", "compressed body is damaged"):
            with pytest.raises(ProtocolError, match=reason):
                await client.complete(REQUEST)
        assert await closed(server)


async def test_endless_bodies_streams_and_lines_end_with_an_error() -> None:
    megabyte = "x" * 1024 * 1024
    body = Reply(b" " * (33 * 1024 * 1024), headers={"content-type": "application/json"})
    long_text = sse(*[text(megabyte)] * 18)
    long_line = Reply(b"data: " + b"x" * (5 * 1024 * 1024), headers=STREAM)
    with serve([body, long_text, long_line]) as server:
        client = ChatClient(server.base_url)
        with pytest.raises(ProtocolError, match="longer than 33554432 bytes"):
            await client.complete(REQUEST)
        with pytest.raises(ProtocolError, match="the message is longer than 8388608 characters"):
            await client.complete(REQUEST, ignore)
        with pytest.raises(ProtocolError, match="longer than 4194304 bytes"):
            await client.complete(REQUEST, ignore)
        assert await closed(server)


@pytest.mark.parametrize(
    ("reply", "streamed"),
    [
        (Reply(b"<html>" + b"x" * 10_000, headers={"content-type": "text/html"}), False),
        (sse("x" * 10_000), True),
        (sse('{"choices": ' + "x" * 10_000), True),
    ],
    ids=["an answer", "an event", "an event that begins as JSON"],
)
async def test_what_is_no_json_is_shown_as_an_excerpt(reply: Reply, streamed: bool) -> None:
    with serve([reply]) as server:
        with pytest.raises(ProtocolError) as raised:
            await ChatClient(server.base_url).complete(REQUEST, ignore if streamed else None)
    assert len(raised.value.text) == 300
    assert len(str(raised.value)) < 500


async def test_a_stream_that_does_not_say_so_is_told_while_it_comes() -> None:
    unlabelled = sse(text("hel"), ending="hang")
    with serve([Reply(unlabelled.body, headers={"content-type": "text/plain"}, ending="hang")]) as server:
        with anyio.fail_after(10):
            async with ChatClient(server.base_url).stream(REQUEST) as stream:
                async for chunk in stream:
                    assert chunk == text("hel")
                    break


async def test_cancelled_on_leaving_its_block_a_client_still_closes_all_connections() -> None:
    together = threading.Barrier(2, timeout=10)  # two requests in flight need two connections

    def answer(received: Received) -> Reply:
        together.wait()
        return HELLO

    with serve(answer) as server:
        with anyio.CancelScope() as scope:
            async with ChatClient(server.base_url) as client:
                async with anyio.create_task_group() as group:
                    group.start_soon(client.complete, REQUEST, ignore)
                    group.start_soon(client.complete, REQUEST, ignore)
                scope.cancel()
        assert server.connections == 2
        assert await closed(server)


class Body(httpx.AsyncByteStream):
    """One delta, then nothing; closing it takes a turn of the event loop."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield sse(text("hel")).body
        await anyio.sleep_forever()

    async def aclose(self) -> None:
        await checkpoint()
        self.closed = True


async def test_cancelling_a_request_closes_the_response_of_any_transport() -> None:
    body = Body()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=STREAM, stream=body))
    with anyio.CancelScope() as scope:

        async def cancel(chunk: dict[str, Any], partial: Any) -> None:
            scope.cancel()

        await ChatClient("https://example.com/v1", "k" * 20, transport=transport).complete(REQUEST, cancel)
    assert scope.cancelled_caught
    assert body.closed


async def test_a_client_that_was_given_stays_open() -> None:
    with serve([HELLO, whole(ANSWER)]) as server:
        async with httpx.AsyncClient() as http:
            client = ChatClient(server.base_url, http=http)
            await client.complete(REQUEST, ignore)
            assert not http.is_closed
            assert (await client.complete(REQUEST)).message.text == "hello"


async def test_any_httpx_transport_can_be_given() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=ANSWER)

    client = ChatClient("https://example.com/v1", "k" * 20, transport=httpx.MockTransport(answer))
    assert (await client.complete(REQUEST)).message.text == "hello"


def test_one_client_works_in_two_event_loops_one_after_the_other() -> None:
    with serve([HELLO, HELLO]) as server:
        client = ChatClient(server.base_url)
        for _ in range(2):
            assert asyncio.run(client.complete(REQUEST, ignore)).message.text == "hello"


def test_the_aiohttp_transport_speaks_the_same() -> None:
    pytest.importorskip("httpx_aiohttp", reason="the extra `fast` is not installed")

    async def main() -> None:
        async with ChatClient(server.base_url, transport="aiohttp") as client:
            assert (await client.complete(REQUEST, ignore)).message.text == "hello"
            assert (await client.complete(REQUEST)).message.text == "hello"
            with pytest.raises(StreamInterrupted):
                await client.complete(REQUEST, ignore)

    with serve([HELLO, whole(ANSWER), sse(text("hel"), ending="cut")]) as server:
        asyncio.run(main())


async def test_the_environments_proxy_is_used_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with serve([whole(ANSWER)]) as server:
        await ChatClient(server.base_url).complete(REQUEST)
        with pytest.raises(ConnectionFailed):
            await ChatClient(server.base_url, trust_env=True, retries=0).complete(REQUEST)
