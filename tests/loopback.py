"""An HTTP server on loopback that answers with the bytes a test hands it, cut where the test says."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import anyio
from jsonschema import Draft202012Validator

Ending = Literal["keep", "close", "cut", "reset", "hang"]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST


@dataclass(frozen=True)
class Received:
    """A request as the server got it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass(frozen=True)
class Reply:
    """What the server sends: `body` in pieces of `cut` bytes, then the ending.

    keep: the connection serves the next request. close: it ends with the body, which has no length.
    cut: chunks were promised and the connection ends. reset: the same with RST. hang: nothing more comes.
    """

    body: bytes
    cut: int | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    ending: Ending = "keep"
    pause: float = 0.0  # seconds between two pieces, of a slow server

    def pieces(self) -> list[bytes]:
        size = self.cut or max(1, len(self.body))
        return [self.body[start : start + size] for start in range(0, len(self.body), size)]


def sse(*events: bytes | str | dict[str, Any], cut: int | None = None, ending: Ending = "keep") -> Reply:
    """A stream: dicts and texts become `data:` events, bytes go out as they are."""
    parts = [
        e if isinstance(e, bytes) else f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n".encode()
        for e in events
    ]
    return Reply(b"".join(parts), cut, headers={"content-type": "text/event-stream"}, ending=ending)


def whole(body: dict[str, Any] | list[Any], status: int = 200, **headers: str) -> Reply:
    """A JSON answer."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps(body).encode(), None, status, {"content-type": "application/json", **names})


Script = Sequence[Reply] | Callable[[Received], Reply]


class Loopback:
    """Serves each connection in a thread of its own. Without a callable the k-th request gets the k-th reply."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self._script = script
        self._open: set[socket.socket] = set()
        self.threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self._spawn(self._accept)

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as reader:
                while (received := _read(reader)) is not None:
                    reply = self._next(received)
                    if not self._answer(connection, reply):
                        return
        except OSError:
            pass  # the client went away, or the test is over
        finally:
            with self._lock:
                self._open.discard(connection)

    def _next(self, received: Received) -> Reply:
        with self._lock:
            position = len(self.requests)
            self.requests.append(received)
        if callable(self._script):
            return self._script(received)
        if position >= len(self._script):
            return whole({"error": {"message": f"request {position + 1} is not in the script"}}, 404)
        return self._script[position]

    def _answer(self, connection: socket.socket, reply: Reply) -> bool:
        chunked = reply.ending != "close"
        framing = "transfer-encoding: chunked" if chunked else "connection: close"
        head = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        connection.sendall(f"HTTP/1.1 {reply.status} Answer\r\n{head}{framing}\r\n\r\n".encode("latin-1"))
        for piece in reply.pieces():
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if reply.pause and self._closing.wait(reply.pause):
                return False
        if reply.ending == "keep":
            connection.sendall(b"0\r\n\r\n")
            return True
        if reply.ending == "hang":
            connection.recv(1)  # until the client goes away, or the test is over
        if reply.ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return False

    @property
    def open_connections(self) -> int:
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)


async def closed(server: Loopback) -> bool:
    """Whether all connections end soon; the server hears of it a moment later."""
    with anyio.move_on_after(5):
        while server.open_connections:
            await anyio.sleep(0.005)
    return server.open_connections == 0


def _read(reader: Any) -> Received | None:
    line = reader.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := reader.readline().strip()) != b"":
        name, _, value = header.partition(b":")
        headers[name.decode().lower()] = value.strip().decode("latin-1")
    body = reader.read(int(headers.get("content-length", "0")))
    return Received(line.split()[1].decode(), headers, body)


SCHEMA = json.loads((Path(__file__).parent / "data" / "chat-completions.schema.json").read_text())
REQUEST = Draft202012Validator({"$ref": "#/$defs/CreateChatCompletionRequest", "$defs": SCHEMA["$defs"]})


@contextmanager
def serve(script: Script) -> Iterator[Loopback]:
    """A server for the length of the block. Every request it got must fit the endpoint's public description."""
    server = Loopback(script)
    try:
        yield server
    finally:
        server.close()
    for body in {received.body for received in server.requests}:
        assert [f"{error.json_path}: {error.message[:200]}" for error in REQUEST.iter_errors(json.loads(body))] == []
