"""Clients that leave, or take nothing: their runs end. Models that fail in the middle: the stream says so."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatCompletion, ChatRequest, ServerFailed
from agentkit.chat import OnChunk, PartialCompletion
from agentkit.serve import Reach, create_app

from .asking import HELLO, Asking
from .running import running


class Talker:
    """Tells piece after piece, until it is stopped or has told `most`; then it fails."""

    name = "talker"

    def __init__(self, piece: str, most: int = 1_000_000) -> None:
        self.piece, self.most = piece, most
        self.stopped = threading.Event()

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        partial = PartialCompletion()
        try:
            for _ in range(self.most):
                chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": self.piece}}]}
                partial.add(chunk)
                if on_chunk is not None:
                    await on_chunk(chunk, partial)
                await anyio.sleep(0)
        finally:
            self.stopped.set()
        raise ServerFailed("at /srv/secret", status=500)


@pytest.fixture
def stalled() -> Any:
    model = Talker("x" * 4096)
    with running(create_app(Agent(model, name="a"), reach=Reach(send_seconds=0.3))) as url:
        yield model, int(url.rpartition(":")[2])


def connect(port: int) -> socket.socket:
    """A client with a small buffer that asked for a stream."""
    body = json.dumps({"model": "a", "messages": HELLO, "stream": True}).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    return connection


def test_a_client_that_takes_nothing_is_dropped_and_its_run_ends(stalled: tuple[Talker, int]) -> None:
    model, port = stalled
    with connect(port):
        assert model.stopped.wait(20)


def test_a_client_that_leaves_ends_its_run(stalled: tuple[Talker, int]) -> None:
    model, port = stalled
    with connect(port) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert not model.stopped.is_set()
    assert model.stopped.wait(20)


def test_an_error_in_the_middle_of_a_stream_is_its_last_event() -> None:
    with running(create_app(Agent(Talker("word ", 3), name="a"))) as url, Asking(url) as client:
        answer = client.post({"model": "a", "messages": HELLO, "stream": True})
        assert answer.status_code == 200
        *events, last = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
        assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "word word word "
        assert last["error"]["message"].startswith("ServerFailed (request id req_")
        assert "secret" not in answer.text
        assert "[DONE]" not in answer.text
