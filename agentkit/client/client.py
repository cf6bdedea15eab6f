"""ChatClient: the Chat Completions protocol over HTTP."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk
from agentkit.errors import ConfigurationError, ConnectionFailed, ModelError, RateLimited

from .address import checked_base_url, environment_proxy
from .answer import Answer, Clock, Sizes, Timeout
from .gate import Gate
from .pace import Pacing
from .retry import RETRIES, RetryPolicy
from .secret import Secret, hidden_headers, scrub_error
from .secret import api_key as checked_key
from .stream import CompletionStream
from .watch import WATCH

if TYPE_CHECKING:
    from .sender import Sender
    from .transport import Transport

log = logging.getLogger("agentkit")
OPENAI = "https://api.openai.com/v1"


class _Held:
    """What one event loop sends with and enters by, and how many hold it open."""

    __slots__ = ("gate", "holders", "sender", "token")

    def __init__(self, token: object, gate: Gate) -> None:
        self.token, self.gate, self.holders = token, gate, 0
        self.sender: Sender | None = None  # while somebody holds it

    @property
    def remembers(self) -> bool:
        """Whether it is held, or its gate knows what the endpoint was asked a moment ago."""
        return self.holders > 0 or not self.gate.pace.rested(time.monotonic())


class ChatClient:
    """Speaks `POST base_url/chat/completions`. Use it in `async with` to keep connections between requests.

    base_url: without one, api_key must be given and OpenAI's is used. transport: "stack" (asyncio and trio),
    "aiohttp" (asyncio, the extra `fast`), or an httpx transport. http: any object with httpx's `build_request`
    and `send`; it stays yours. timeout, sizes: see Timeout, Sizes. retries: further attempts before the first delta.
    proxy: its URL; the environment's is only used with trust_env=True.
    max_concurrency: requests in flight. requests_per_minute, tokens_per_minute: within any 60 seconds; a request's
    tokens are estimated until its usage is known. All three count for each event loop; who waits is served in the
    order of coming. A 429 slows all requests of the client down, until answers show that there is room again.
    Raises ConfigurationError for an address or key that cannot be.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        transport: Transport = "stack",
        http: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        sizes: Sizes | None = None,
        retries: int = 2,
        proxy: str | None = None,
        trust_env: bool = False,
        verify: bool = True,
        allow_http: bool = False,
        max_concurrency: int | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        if base_url is None and api_key is None:
            raise ConfigurationError("ChatClient needs base_url=, or api_key= for the OpenAI API")
        self.base_url = checked_base_url(base_url or OPENAI, allow_http=allow_http)
        self._key = checked_key(api_key) if api_key is not None else None
        self._headers = {"accept-encoding": "identity", "content-type": "application/json", **hidden_headers(headers)}
        check_patience(timeout, retries, sizes)
        self._timeout, self._sizes = timeout or Timeout(), sizes or Sizes()
        self._retry = RetryPolicy(retries, self._timeout.retry_after)
        self._pacing = Pacing(max_concurrency, requests_per_minute, tokens_per_minute)
        self._http = http
        self._transport: Transport = transport
        proxy = environment_proxy(self.base_url) if proxy is None and trust_env else proxy
        self._proxy = Secret(proxy) if proxy is not None else None  # it may name a user and a password
        self._verify = verify
        self._held: dict[object, _Held] = {}
        self._url = f"{self.base_url}/chat/completions"
        self._failures: tuple[type[Exception], ...] = ()

    async def complete(
        self, request: ChatRequest, on_chunk: OnChunk | None = None, *, body: bytes | None = None
    ) -> ChatCompletion:
        """Send a request and read the whole answer; with `on_chunk`, stream it and tell each chunk.

        body: bytes to send instead of the request's own. Raises ModelError; retries are over then.
        """
        content = body if body is not None else request.body(stream=on_chunk is not None)
        held = self._hold()
        try:
            return await self._answered(held, request, content, on_chunk)
        finally:
            await self._let_go(held)

    async def _answered(
        self, held: _Held, request: ChatRequest, content: bytes, on_chunk: OnChunk | None
    ) -> ChatCompletion:
        gate, attempt, watch = held.gate, 0, WATCH.get()
        ticket = gate.ticket(request, content)
        while True:
            answer = Answer(on_chunk, request.n or 1, (self._url, request.model), self._sizes)
            await gate.enter(ticket)
            added = watch.sending(self._url) if watch is not None else None
            try:
                completion = await self._attempt(held, content, answer, added)
            except ModelError as error:
                scrub_error(error, self._secrets)
                refused = error if isinstance(error, RateLimited) else None
                queued = refused is not None and gate.refused(ticket, refused)  # others got through: our turn will come
                delay = None if answer.told else self._delay(attempt, error, queued)
                if watch is not None:
                    watch.failed(error, delay)
                if delay is None:
                    if refused is not None and not queued:
                        gate.give_up()
                    raise
                log.info("request failed (%s); again in %.1f s", type(error).__name__, 0 if queued else delay)
            else:
                gate.answered(ticket, completion.usage)
                return completion
            if not queued:
                attempt += 1
                if refused is not None:
                    gate.pause(delay)
                else:
                    await anyio.sleep(delay)

    def stream(self, request: ChatRequest) -> CompletionStream:
        """The chunks as they come: `async with client.stream(request) as stream: async for chunk in stream: ...`."""
        return CompletionStream(lambda on_chunk: self.complete(request, on_chunk))

    def _delay(self, attempt: int, error: ModelError, queued: bool) -> float | None:
        """Seconds before the next attempt; None when there is none. To queue again is no retry of the run's."""
        delay = self._retry.delay(0 if queued else attempt, error, random.random())
        budget = RETRIES.get()
        return delay if queued or delay is None or budget is None or budget.take(error) else None

    async def _attempt(
        self, held: _Held, content: bytes, answer: Answer, added: Mapping[str, str] | None
    ) -> ChatCompletion:
        clock, sender = Clock(self._timeout, answer.streamed), held.sender
        assert sender is not None  # there, as long as somebody holds it
        try:
            with clock.scope:
                response = await sender.send(content, added)
                clock.answered()
                try:
                    completion = await answer.read(response, clock)
                finally:
                    if not response.is_closed:
                        with anyio.CancelScope(shield=True):
                            await response.aclose()
                log.debug("POST %s: %d", self._url, response.status_code)
                return completion
        except self._failures as error:
            raise answer.broken(f"{self._url}: {sender.reason(error)}", sent=not sender.unsent(error)) from None
        finally:
            held.gate.leave()
        if clock.scope.cancelled_caught:
            raise answer.broken(f"{self._url}: no delta for {clock.waited:g} s", timed_out=True)
        raise ConnectionFailed("the request was given up")  # pragma: no cover

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return () if self._key is None else (self._key,)

    def _sender(self) -> Sender:
        from .sender import Sender  # httpx takes as long to import as all of agentkit
        from .transport import FAILURES

        self._failures = FAILURES
        return Sender(
            self._url,
            self._headers,
            self._key,
            self._timeout.connect,
            transport=self._transport,
            http=self._http,
            proxy=self._proxy.reveal() if self._proxy is not None else None,
            verify=self._verify,
        )

    def _hold(self) -> _Held:
        """What this event loop sends with, held open until it is let go."""
        token = anyio.lowlevel.current_token()
        held = self._held.get(token)
        if held is None:
            held = _Held(token, Gate(self._pacing, self._timeout.retry_after))
            self._held = {held.token: held for held in self._held.values() if held.remembers} | {token: held}
        if held.sender is None:
            held.sender = self._sender()
        held.holders += 1
        return held

    async def _let_go(self, held: _Held) -> None:
        held.holders -= 1
        if held.holders == 0 and held.sender is not None:
            sender, held.sender = held.sender, None
            if not held.remembers:
                del self._held[held.token]
            with anyio.CancelScope(shield=True):
                await sender.aclose()

    async def __aenter__(self) -> ChatClient:
        self._hold()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._let_go(self._held[anyio.lowlevel.current_token()])

    def __repr__(self) -> str:
        return f"ChatClient({self.base_url!r})"


def check_patience(timeout: object, retries: object, sizes: object = None) -> None:
    """Raise ConfigurationError for what is no Timeout and no Sizes, and for retries that cannot be counted."""
    if not isinstance(timeout, Timeout | None):
        raise ConfigurationError(f"timeout={timeout!r}; give Timeout(connect=10, first=600, between=120)")
    if not isinstance(sizes, Sizes | None):
        raise ConfigurationError(f"sizes={sizes!r}; give Sizes(event=..., body=..., text=...)")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise ConfigurationError(f"retries={retries!r}; give a whole number, 0 for none")
