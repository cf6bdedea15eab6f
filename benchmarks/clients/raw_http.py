"""HTTP/1.1 on asyncio's own transports, for well-behaved servers: the least that a request can cost in Python."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.I)


class Connection(asyncio.Protocol):
    """One connection, one answer at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.closed = False
        self._clear()

    def _clear(self) -> None:
        self.head, self.buffer, self.parts = b"", b"", list[bytes]()
        self.left, self.chunked, self.over = 0, False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._wake()

    def send(self, data: bytes) -> None:
        """Send a request; its answer is read with `parts`."""
        self._clear()
        assert self.transport is not None
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        self.buffer = b""
        if not self.head:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.buffer = data
                return
            self.head, data = data[: end + 2], data[end + 4 :]
            length = _LENGTH.search(self.head)
            self.left = int(length[1]) if length else 0
            self.chunked = _CHUNKED.search(self.head) is not None
        if self.chunked:
            self._chunks(data)
        else:
            self.parts.append(data)
            self.left -= len(data)
            self.over = self.left <= 0
        self._wake()

    def _chunks(self, data: bytes) -> None:
        at, pieces = 0, list[bytes]()
        while (line := data.find(b"\r\n", at)) >= 0:
            size = int(data[at:line], 16)
            end = line + 2 + size
            if len(data) < end + 2:
                break
            at = end + 2
            if size == 0:
                self.over = True
                break
            pieces.append(data[line + 2 : end])
        self.buffer = data[at:]
        if pieces:
            self.parts.append(b"".join(pieces))

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def body(self) -> AsyncIterator[bytes]:
        """The answer's body as it comes."""
        while True:
            if self.parts:
                if not self.head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(self.head[:80])
                parts, self.parts = self.parts, []
                for part in parts:
                    yield part
            elif self.over:
                return
            elif self.closed:
                raise ConnectionResetError
            else:
                self.waiter = asyncio.get_running_loop().create_future()
                await self.waiter


class RawHttp:
    """A stack of connections to one place."""

    def __init__(self, host: str, port: int, path: str, headers: dict[str, str]) -> None:
        self.address, self.idle = (host, port), list[Connection]()
        lines = [
            f"POST {path} HTTP/1.1",
            f"host: {host}:{port}",
            *(f"{key}: {value}" for key, value in headers.items()),
        ]
        self.head = "\r\n".join(lines).encode() + b"\r\ncontent-length: "

    async def post(self, body: bytes) -> bytes:
        return b"".join([part async for part in self.stream(body)])

    async def stream(self, body: bytes) -> AsyncIterator[bytes]:
        connection = self.idle.pop() if self.idle else await self._connected()
        connection.send(b"%b%d\r\n\r\n%b" % (self.head, len(body), body))
        async for part in connection.body():
            yield part
        self.idle.append(connection)

    async def _connected(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, *self.address)
        return connection

    async def close(self) -> None:
        for connection in self.idle:
            if connection.transport is not None:
                connection.transport.close()
