"""ChatClient: the Chat Completions protocol over HTTP."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk
from agentkit.errors import ConfigurationError, ConnectionFailed, ModelError

from .address import checked_base_url, environment_proxy
from .answer import Answer, Clock, Sizes, Timeout
from .retry import RETRIES, RetryPolicy
from .secret import Secret, scrub_error
from .stream import CompletionStream
from .watch import WATCH

if TYPE_CHECKING:
    from .sender import Sender
    from .transport import Transport

log = logging.getLogger("agentkit")
OPENAI = "https://api.openai.com/v1"


class _Held:
    """What one event loop sends with, and how many hold it open."""

    __slots__ = ("holders", "sender")

    def __init__(self, sender: Sender) -> None:
        self.sender, self.holders = sender, 0


class ChatClient:
    """Speaks `POST base_url/chat/completions`. Use it in `async with` to keep connections between requests.

    base_url: without one, api_key must be given and OpenAI's is used. transport: "stack" (asyncio and trio),
    "aiohttp" (asyncio, the extra `fast`), or an httpx transport. http: any object with httpx's `build_request`
    and `send`; it stays yours. timeout, sizes: see Timeout, Sizes. retries: further attempts before the first delta.
    proxy: its URL; the environment's is only used with trust_env=True.
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
    ) -> None:
        if base_url is None and api_key is None:
            raise ConfigurationError("ChatClient needs base_url=, or api_key= for the OpenAI API")
        self.base_url = checked_base_url(base_url or OPENAI, allow_http=allow_http)
        self._key = Secret(api_key) if api_key is not None else None
        self._headers = {"accept-encoding": "identity", "content-type": "application/json", **(headers or {})}
        check_patience(timeout, retries, sizes)
        self._timeout, self._sizes = timeout or Timeout(), sizes or Sizes()
        self._retry = RetryPolicy(retries, self._timeout.retry_after)
        self._http = http
        self._transport: Transport = transport
        self._proxy = environment_proxy(self.base_url) if proxy is None and trust_env else proxy
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
        async with self:
            sender = self._held[anyio.lowlevel.current_token()].sender
            attempt, watch = 0, WATCH.get()
            while True:
                answer = Answer(on_chunk, request.n or 1, (self._url, request.model), self._sizes)
                added = watch.sending(self._url) if watch is not None else None
                try:
                    return await self._attempt(sender, content, answer, added)
                except ModelError as error:
                    scrub_error(error, self._secrets)
                    delay = None if answer.told else self._retry.delay(attempt, error, random.random())
                    budget = RETRIES.get()
                    if delay is not None and budget is not None and not budget.take(error):
                        delay = None
                    if watch is not None:
                        watch.failed(error, delay)
                    if delay is None:
                        raise
                    log.info("request failed (%s); again in %.1f s", type(error).__name__, delay)
                await anyio.sleep(delay)
                attempt += 1

    def stream(self, request: ChatRequest) -> CompletionStream:
        """The chunks as they come: `async with client.stream(request) as stream: async for chunk in stream: ...`."""
        return CompletionStream(lambda on_chunk: self.complete(request, on_chunk))

    async def _attempt(
        self, sender: Sender, content: bytes, answer: Answer, added: Mapping[str, str] | None
    ) -> ChatCompletion:
        clock = Clock(self._timeout, answer.streamed)
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
        if clock.scope.cancelled_caught:
            raise answer.broken(f"{self._url}: no delta for {clock.waited:g} s", timed_out=True)
        raise ConnectionFailed("the request was given up")  # pragma: no cover

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return () if self._key is None else (self._key,)

    def _sender(self) -> Sender:
        from .sender import FAILURES, Sender  # httpx takes as long to import as all of agentkit

        self._failures = FAILURES
        return Sender(
            self._url,
            self._headers,
            self._key,
            self._timeout.connect,
            transport=self._transport,
            http=self._http,
            proxy=self._proxy,
            verify=self._verify,
        )

    async def __aenter__(self) -> ChatClient:
        token = anyio.lowlevel.current_token()
        held = self._held.get(token)
        if held is None:
            held = self._held[token] = _Held(self._sender())
        held.holders += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        token = anyio.lowlevel.current_token()
        held = self._held[token]
        held.holders -= 1
        if held.holders == 0:
            del self._held[token]
            with anyio.CancelScope(shield=True):
                await held.sender.aclose()

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
