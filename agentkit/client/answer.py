"""One answer of the endpoint, read to its end: whole or streamed, within caps and clocks."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic_core import from_json

from agentkit.chat import ChatCompletion, OnChunk, PartialCompletion, read_completion
from agentkit.errors import (
    ConfigurationError,
    ConnectionFailed,
    ModelError,
    ProtocolError,
    StreamInterrupted,
    StreamTruncated,
)

from .failure import EXCERPT, status_error
from .secret import Secret, scrub
from .sse import EventDecoder

log = logging.getLogger("agentkit")

MAX_BODY = 32 * 1024 * 1024  # bytes
DRAIN = 0.2  # seconds for the end of a stream after [DONE], so that its connection can be used again


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds: to connect, until the first delta (or the whole answer), and between deltas.

    Only a parsed delta resets the clock: comments and pings do not.
    """

    connect: float = 10.0
    first: float = 600.0
    between: float = 120.0

    def __post_init__(self) -> None:
        for name in ("connect", "first", "between"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"Timeout({name}={getattr(self, name)!r}): use seconds above 0")


class Clock:
    """One cancel scope around an answer; its deadline moves with the deltas, lazily: moving it costs."""

    def __init__(self, timeout: Timeout) -> None:
        self._between = timeout.between
        self._slack = timeout.between / 16
        self._moved = 0.0
        self.waited = timeout.first
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + timeout.first)

    def delta(self) -> None:
        """A delta came."""
        now = time.monotonic()  # asking the event loop for its time costs more than adding up a chunk
        if now - self._moved > self._slack:
            self._moved = now
            self.waited = self._between
            self.scope.deadline = anyio.current_time() + self._between


class Answer:
    """Reads one response. `told` says whether a chunk was passed on, after which nothing is sent again."""

    def __init__(self, on_chunk: OnChunk | None, n: int, secrets: tuple[Secret, ...]) -> None:
        self._on_chunk, self._secrets = on_chunk, secrets
        self._partial = PartialCompletion(n)
        self.told = False

    async def read(self, response: Any, clock: Clock) -> ChatCompletion:
        """The completion. Raises ModelError for anything else the server may send."""
        if response.status_code != 200:
            body = await self._whole(response)
            raise status_error(response.status_code, response.headers, body, self._secrets)
        kind = response.headers.get("content-type", "")
        if "text/event-stream" in kind:
            return await self._events(_raw(response), b"", clock)
        if self._on_chunk is None:
            return await self._json(response, kind)
        return await self._sniffed(response, kind, clock)

    async def _json(self, response: Any, kind: str) -> ChatCompletion:
        body = await self._whole(response)
        if body.lstrip().startswith((b"data:", b":", b"event:")):  # Q51: a stream that nobody asked for
            return await self._events(_one(body), b"", None)
        return self._completion(body, kind)

    def _completion(self, body: bytes, kind: str) -> ChatCompletion:
        try:
            return read_completion(body)
        except ProtocolError as error:
            excerpt = scrub(body[:EXCERPT].decode(errors="replace"), self._secrets)
            raise ProtocolError(f"{error} (content-type {kind or 'missing'}): {excerpt}", text=excerpt) from None

    async def _sniffed(self, response: Any, kind: str, clock: Clock) -> ChatCompletion:
        """A stream was asked for and its content type is another: the first bytes say what it is (Q50)."""
        chunks, head = _raw(response), b""
        async for data in chunks:
            head += data
            if head.strip():
                break
        if head.lstrip().startswith((b"data:", b":", b"event:", b"id:", b"retry:", b"\xef\xbb\xbf")):
            return await self._events(chunks, head, clock)
        body = head + await _capped(chunks)
        self._completion(body, kind)  # an error inside is told as one
        excerpt = scrub(body[:EXCERPT].decode(errors="replace"), self._secrets)
        raise ProtocolError(f"a stream was asked for, and {kind or 'no content type'} came: {excerpt}", text=excerpt)

    async def _events(self, chunks: AsyncIterator[bytes], head: bytes, clock: Clock | None) -> ChatCompletion:
        decoder, partial = EventDecoder(), self._partial
        pending = decoder.feed(head) if head else []
        if await self._take(pending, clock):
            return partial.completion()
        async for data in chunks:
            if await self._take(decoder.feed(data), clock):
                await _drain(chunks)
                return partial.completion()
        await self._take(decoder.flush(), clock)
        if not partial.choices:
            raise ProtocolError("the stream ended without a single choice")
        return partial.completion()

    async def _take(self, events: list[bytes], clock: Clock | None) -> bool:
        """Add events up; whether [DONE] was among them."""
        partial, on_chunk, progress = self._partial, self._on_chunk, False
        for data in events:
            if data == b"[DONE]":
                partial.done()
                return True
            chunk = self._chunk(data)
            if chunk is None:
                continue
            try:
                partial.add(chunk)
            except ModelError as error:
                if self.told:
                    raise StreamInterrupted(f"the stream broke off: {error}", text=self._text) from error
                raise
            if partial.deltas:
                progress = True
                self.told = on_chunk is not None
            if on_chunk is not None:
                await on_chunk(chunk, partial)
        if progress and clock is not None:
            clock.delta()
        return False

    def _chunk(self, data: bytes) -> dict[str, Any] | None:
        if data[:1] == b"{":
            try:
                chunk: dict[str, Any] = from_json(data)
            except ValueError:
                chunk = self._damaged(data)
            return chunk
        text = data.strip()
        if not text or text.startswith(b":") or text == b'""' or text == b"null":  # Q43, Q44
            return None
        if text == b"[DONE]":
            self._partial.done()
            return None
        if text.startswith(b"{"):
            return self._chunk(text)
        raise ProtocolError("an event of the stream is not JSON", text=scrub(repr(data[:EXCERPT]), self._secrets))

    def _damaged(self, data: bytes) -> dict[str, Any]:
        """Bytes that are no UTF-8 become U+FFFD (Q46)."""
        try:
            chunk: dict[str, Any] = from_json(data.decode(errors="replace"))
        except ValueError:
            excerpt = scrub(data[:EXCERPT].decode(errors="replace"), self._secrets)
            raise ProtocolError(f"an event of the stream is not JSON: {excerpt}", text=excerpt) from None
        log.warning("the stream holds bytes that are not UTF-8; they are read as U+FFFD")
        return chunk

    async def _whole(self, response: Any) -> bytes:
        return await _capped(_raw(response))

    @property
    def _text(self) -> str:
        return next((choice.text for choice in self._partial.choices.values()), "")

    def broken(self, reason: str) -> ModelError:
        """The error of a connection that failed: what may be tried again before the first delta, not after."""
        if self.told:
            return StreamInterrupted(f"the stream broke off: {reason}", text=self._text)
        if self._partial.choices:
            return StreamTruncated(f"the stream broke off: {reason}", text=self._text)
        return ConnectionFailed(reason)


def _raw(response: Any) -> AsyncIterator[bytes]:
    if response.headers.get("content-encoding", "identity") == "identity":
        raw: AsyncIterator[bytes] = response.aiter_raw()
        return raw
    decoded: AsyncIterator[bytes] = response.aiter_bytes(65536)
    return decoded


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _capped(chunks: AsyncIterator[bytes]) -> bytes:
    pieces, size = [], 0
    async for data in chunks:
        size += len(data)
        if size > MAX_BODY:
            raise ProtocolError(f"the answer is longer than {MAX_BODY} bytes")
        pieces.append(data)
    return b"".join(pieces)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read the end of a stream after [DONE]; a server that keeps it open is left (Q48)."""
    with anyio.move_on_after(DRAIN):
        async for data in chunks:
            if data:
                return
