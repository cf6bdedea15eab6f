"""One answer of the endpoint, read to its end: whole or streamed, within caps and clocks."""

from __future__ import annotations

import contextlib
import logging
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic_core import from_json

from agentkit.chat import ChatCompletion, OnChunk, PartialCompletion, ResponseMessage, read_completion
from agentkit.errors import (
    ConfigurationError,
    ConnectionFailed,
    ModelError,
    ProtocolError,
    StreamInterrupted,
)

from .failure import EXCERPT, status_error
from .sse import MAX_EVENT, EventDecoder

log = logging.getLogger("agentkit")

_STREAM = (b"data:", b":", b"event:", b"id:", b"retry:", b"\xef\xbb\xbf")
_SNIFFED = max(map(len, _STREAM))
_BRACE = ord("{")
_STEP = 64 * 1024  # bytes that one step of decompression may give
DRAIN = 0.2  # seconds for the end of a stream after [DONE], so that its connection can be used again


@dataclass(frozen=True, slots=True)
class Timeout:
    """Seconds: to connect, until a stream begins, until its first delta (or the whole answer), and between deltas.

    Only a parsed delta resets the clock: comments and pings do not. retry_after: the longest wait that a server may
    ask for before the next attempt; one that asks for more is an error, whose `retry_after` says how long.
    """

    connect: float = 10.0
    first: float = 600.0
    between: float = 120.0
    headers: float = 120.0
    retry_after: float = 120.0

    def __post_init__(self) -> None:
        for name in ("connect", "first", "between", "headers", "retry_after"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"Timeout({name}={getattr(self, name)!r}): use seconds above 0")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of an answer is taken; more is a ProtocolError.

    event: bytes of one line or event of a stream. body: bytes of an answer, unpacked. text: characters of a message:
    its text, refusal, reasoning and arguments.
    """

    event: int = MAX_EVENT
    body: int = 32 * 1024 * 1024
    text: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("event", "body", "text"):
            size: object = getattr(self, name)
            if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
                raise ConfigurationError(f"Sizes({name}={size!r}): use a whole number above 0")


class Clock:
    """One cancel scope around an answer; its deadline moves with the deltas, lazily: moving it costs."""

    def __init__(self, timeout: Timeout, streamed: bool) -> None:
        self._first, self._between = timeout.first, timeout.between
        self._slack = timeout.between / 16
        self._moved = 0.0
        self._waits_for_headers = streamed and timeout.headers < timeout.first
        self.waited = timeout.headers if self._waits_for_headers else timeout.first
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + self.waited)

    def answered(self) -> None:
        """The headers came."""
        if self._waits_for_headers:
            self.waited = self._first
            self.scope.deadline = anyio.current_time() + self._first

    def delta(self) -> None:
        """A delta came."""
        now = time.monotonic()  # asking the event loop for its time costs more than adding up a chunk
        if now - self._moved > self._slack:
            self._moved = now
            self.waited = self._between
            self.scope.deadline = anyio.current_time() + self._between


class Answer:
    """Reads one response. `told` says whether a chunk was passed on, after which nothing is sent again."""

    def __init__(self, on_chunk: OnChunk | None, n: int, asked: tuple[str, str], sizes: Sizes) -> None:
        self._on_chunk, self._asked = on_chunk, asked  # asked: the address and the model's name, for errors
        self._sizes = sizes
        self._partial = PartialCompletion(n)
        self.told = False

    @property
    def streamed(self) -> bool:
        """Whether a stream was asked for."""
        return self._on_chunk is not None

    async def read(self, response: Any, clock: Clock) -> ChatCompletion:
        """The completion. Raises ModelError for anything else the server may send."""
        raw = _raw(response)
        chunks = _decoded(raw, response)
        try:
            return await self._read(response, chunks, clock)
        except BaseException:
            await _leave(raw, 0)
            await _leave(chunks, 0)
            raise

    async def _read(self, response: Any, chunks: AsyncIterator[bytes], clock: Clock) -> ChatCompletion:
        if response.status_code != 200:
            url, model = self._asked
            where = f" for model {model!r} at {url}"
            raise status_error(response.status_code, response.headers, await self._whole(chunks), where)
        kind = _header(response, b"content-type")
        if "text/event-stream" in kind:
            return await self._events(chunks, b"", clock)
        if self._on_chunk is None:
            return await self._json(chunks, kind)
        return await self._sniffed(chunks, kind, clock)

    async def _json(self, chunks: AsyncIterator[bytes], kind: str) -> ChatCompletion:
        body = await self._whole(chunks)
        if body.lstrip().startswith(_STREAM):  # Q51: a stream that nobody asked for
            return await self._events(_one(body), b"", None)
        return self._completion(body, kind)

    def _completion(self, body: bytes, kind: str) -> ChatCompletion:
        try:
            completion = read_completion(body)
            if len(body) > self._sizes.text and sum(_letters(c.message) for c in completion.choices) > self._sizes.text:
                raise self._too_long()
            return completion
        except ProtocolError as error:
            excerpt = body[:EXCERPT].decode(errors="replace")
            raise ProtocolError(f"{error} (content-type {kind or 'missing'}): {excerpt}", text=excerpt) from None

    async def _sniffed(self, chunks: AsyncIterator[bytes], kind: str, clock: Clock) -> ChatCompletion:
        """A stream was asked for and its content type is another: the first bytes say what it is (Q50)."""
        head = b""
        async for data in chunks:
            head += data
            if len(head.lstrip()) >= _SNIFFED:
                break
        if head.lstrip().startswith(_STREAM):
            return await self._events(chunks, head, clock)
        body = head + await self._whole(chunks)
        self._completion(body, kind)  # an error inside is told as one
        excerpt = body[:EXCERPT].decode(errors="replace")
        raise ProtocolError(f"a stream was asked for, and {kind or 'no content type'} came: {excerpt}", text=excerpt)

    async def _events(self, chunks: AsyncIterator[bytes], head: bytes, clock: Clock | None) -> ChatCompletion:
        decoder, partial, most = EventDecoder(self._sizes.event), self._partial, self._sizes.text
        size, look_at = 0, most
        feed, take = decoder.feed, self._take
        over = bool(head) and await take(feed(head), clock)
        if not over:
            async for data in chunks:
                events = feed(data)
                if events and await take(events, clock):
                    over = True
                    break
                size += len(data)
                if size > look_at:  # adding the pieces up each time would be quadratic
                    look_at += most
                    if partial.size > most:
                        raise self._too_long()
        if over:
            await _leave(chunks, DRAIN)
        else:
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
            try:
                chunk = from_json(data) if data[0] == _BRACE else self._chunk(data)
            except ValueError:
                chunk = self._damaged(data)
            if chunk is None:
                continue
            try:
                partial.add(chunk)
            except ModelError as error:
                if self.told:
                    raise StreamInterrupted(f"the stream broke off: {error}", text=self._text) from error
                raise
            if partial.deltas and not progress:
                progress, self.told = True, on_chunk is not None
            if on_chunk is not None:
                await on_chunk(chunk, partial)
        if progress and clock is not None:
            clock.delta()
        return False

    def _chunk(self, data: bytes) -> dict[str, Any] | None:
        """What does not simply begin as an object."""
        text = data.strip()
        if not text or text.startswith(b":") or text == b'""' or text == b"null":  # Q43, Q44
            return None
        if text == b"[DONE]":
            self._partial.done()
            return None
        if text.startswith(b"{"):
            chunk: dict[str, Any] = from_json(text)
            return chunk
        raise ProtocolError("an event of the stream is not JSON", text=data[:EXCERPT].decode(errors="replace"))

    def _damaged(self, data: bytes) -> dict[str, Any]:
        """Bytes that are no UTF-8 become U+FFFD (Q46)."""
        try:
            chunk: dict[str, Any] = from_json(data.decode(errors="replace"))
        except ValueError:
            excerpt = data[:EXCERPT].decode(errors="replace")
            raise ProtocolError(f"an event of the stream is not JSON: {excerpt}", text=excerpt) from None
        log.warning("the stream holds bytes that are not UTF-8; they are read as U+FFFD")
        return chunk

    @property
    def _text(self) -> str:
        return next((choice.text for choice in self._partial.choices.values()), "")

    def broken(self, reason: str, *, timed_out: bool = False, sent: bool = True) -> ModelError:
        """The error of a connection that failed: what may be tried again before the first delta, not after."""
        if self.told:
            return StreamInterrupted(f"the stream broke off: {reason}", text=self._text)
        return ConnectionFailed(reason, text=self._text, timed_out=timed_out, sent=sent)

    def _too_long(self) -> ProtocolError:
        return ProtocolError(f"the message is longer than {self._sizes.text} characters")

    async def _whole(self, chunks: AsyncIterator[bytes]) -> bytes:
        pieces, size = list[bytes](), 0
        async for data in chunks:
            size += len(data)
            if size > self._sizes.body:
                raise ProtocolError(f"the answer is longer than {self._sizes.body} bytes")
            pieces.append(data)
        return b"".join(pieces)


def _letters(message: ResponseMessage) -> int:
    calls = sum(len(call.text) for call in message.calls)
    return len(message.text) + len(message.refusal or "") + len(message.reasoning) + calls


def _raw(response: Any) -> AsyncIterator[bytes]:
    if response.is_stream_consumed:  # by a transport that answers without a connection
        return _one(response.content)
    raw: AsyncIterator[bytes] = response.stream.__aiter__()  # aiter_raw() would add a step to each chunk
    return raw


def _header(response: Any, name: bytes) -> str:
    """A header's value, empty without one: httpx's own look-up decodes them all each time."""
    for key, value in response.headers.raw:
        if key.lower() == name:
            text: str = value.decode("latin-1")
            return text
    return ""


def _decoded(raw: AsyncIterator[bytes], response: Any) -> AsyncIterator[bytes]:
    """The body's bytes. `identity` is asked for; gzip is read all the same, in bounded steps (S15)."""
    encoding = _header(response, b"content-encoding")
    if encoding in ("", "identity") or response.is_stream_consumed:
        return raw
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ProtocolError(f"the answer's content-encoding is {encoding!r}; identity was asked for")
    return _inflated(raw)


async def _inflated(raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    inflate = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # either header
    async for data in raw:
        try:
            while data:
                yield inflate.decompress(data, _STEP)
                data = inflate.unconsumed_tail
        except zlib.error as error:
            raise ProtocolError(f"the answer's compressed body is damaged: {error}") from None


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _leave(chunks: AsyncIterator[bytes], seconds: float) -> None:
    """Read the end of a body so that its connection can be used again, for `seconds` (Q48).

    Then cancel the reading: generators that are dropped half read are complained about by trio.
    """
    with anyio.move_on_after(seconds), contextlib.suppress(Exception):
        async for _ in chunks:
            pass
