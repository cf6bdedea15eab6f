"""ChatClient: the Chat Completions protocol over HTTP."""

from __future__ import annotations

import logging
import random
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any

import anyio
import anyio.lowlevel
import httpx

from agentkit.chat import ChatCompletion, ChatRequest, OnChunk
from agentkit.errors import ConfigurationError, ConnectionFailed, ModelError

from .address import checked_base_url
from .answer import Answer, Clock, Timeout
from .retry import RetryPolicy
from .secret import Secret, scrub
from .stream import CompletionStream
from .transport import Transport, make_transport

log = logging.getLogger("agentkit")
OPENAI = "https://api.openai.com/v1"


class _Bearer(httpx.Auth):
    """Puts the key into a request as it leaves, so that no stored headers hold it."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class _Held:
    """The HTTP client of one event loop, and how many hold it open."""

    __slots__ = ("holders", "http")

    def __init__(self, http: Any) -> None:
        self.http, self.holders = http, 0


class ChatClient:
    """Speaks `POST base_url/chat/completions`. Use it in `async with` to keep connections between requests.

    base_url: without one, api_key must be given and OpenAI's is used. transport: "stack" (asyncio and trio),
    "aiohttp" (asyncio, the extra `fast`), or an httpx transport. http: any object with httpx's `build_request`
    and `send`; it stays yours. timeout: see Timeout. retries: further attempts before the first delta.
    Environment proxies are not used; give proxy=. Raises ConfigurationError for an address or key that cannot be.
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
        self._auth = _Bearer(self._key) if self._key is not None else None
        self._headers = {"accept-encoding": "identity", "content-type": "application/json", **(headers or {})}
        self._timeout = timeout or Timeout()
        self._retry = RetryPolicy(retries)
        self._http = http
        self._transport: Transport = transport
        self._proxy, self._trust_env, self._verify = proxy, trust_env, verify
        self._held: dict[object, _Held] = {}
        self._url = f"{self.base_url}/chat/completions"

    async def complete(
        self, request: ChatRequest, on_chunk: OnChunk | None = None, *, body: bytes | None = None
    ) -> ChatCompletion:
        """Send a request and read the whole answer; with `on_chunk`, stream it and tell each chunk.

        body: bytes to send instead of the request's own. Raises ModelError; retries are over then.
        """
        content = body if body is not None else request.body(stream=on_chunk is not None)
        async with self:
            http = self._held[anyio.lowlevel.current_token()].http
            attempt = 0
            while True:
                answer = Answer(on_chunk, request.n or 1, self._secrets)
                try:
                    return await self._attempt(http, content, answer)
                except ModelError as error:
                    delay = None if answer.told else self._retry.delay(attempt, error, random.random())
                    if delay is None:
                        raise
                    log.info("request failed (%s); again in %.1f s", type(error).__name__, delay)
                await anyio.sleep(delay)
                attempt += 1

    def stream(self, request: ChatRequest) -> CompletionStream:
        """The chunks as they come: `async with client.stream(request) as stream: async for chunk in stream: ...`."""
        return CompletionStream(lambda on_chunk: self.complete(request, on_chunk))

    async def _attempt(self, http: Any, content: bytes, answer: Answer) -> ChatCompletion:
        clock = Clock(self._timeout)
        try:
            with clock.scope:
                request = http.build_request("POST", self._url, content=content, headers=self._headers)
                if self._auth is None:
                    response = await http.send(request, stream=True)
                else:
                    response = await http.send(request, stream=True, auth=self._auth)
                try:
                    completion = await answer.read(response, clock)
                finally:
                    if not response.is_closed:
                        with anyio.CancelScope(shield=True):
                            await response.aclose()
                log.debug("POST %s: %d", self._url, response.status_code)
                return completion
        except httpx.HTTPError as error:
            raise answer.broken(_told(error, self._secrets)) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigurationError(f"base_url={self.base_url!r} cannot be used: {error}") from None
        except OSError as error:
            raise answer.broken(_told(error, self._secrets)) from None
        if clock.scope.cancelled_caught:
            raise answer.broken(f"no delta for {clock.waited:g} s")
        raise ConnectionFailed("the request was given up")  # pragma: no cover

    @property
    def _secrets(self) -> tuple[Secret, ...]:
        return () if self._key is None else (self._key,)

    def _made(self) -> Any:
        if self._http is not None:
            return self._http
        timeout = httpx.Timeout(None, connect=self._timeout.connect)
        transport = make_transport(self._transport, self._verify, self._proxy)
        return httpx.AsyncClient(
            transport=transport, timeout=timeout, follow_redirects=False, trust_env=self._trust_env
        )

    async def __aenter__(self) -> ChatClient:
        token = anyio.lowlevel.current_token()
        held = self._held.get(token)
        if held is None:
            held = self._held[token] = _Held(self._made())
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
            if self._http is None:
                with anyio.CancelScope(shield=True):
                    await held.http.aclose()

    def __repr__(self) -> str:
        return f"ChatClient({self.base_url!r})"


def _told(error: Exception, secrets: tuple[Secret, ...]) -> str:
    text = scrub(str(error), secrets) or type(error).__name__
    return f"{text} ({type(error).__name__})"
