"""Connections: httpcore's, on a stack, as a transport of httpx."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, Literal, cast

import httpcore
import httpx

from agentkit.errors import ConfigurationError, missing_extra

TransportName = Literal["stack", "aiohttp"]
Transport = TransportName | httpx.AsyncBaseTransport
Connection = httpcore.AsyncConnectionInterface
Origin = tuple[bytes, bytes, int | None]  # scheme, host, port
KEPT = 5.0  # seconds that an idle connection is used again
_CONTEXT: dict[bool, ssl.SSLContext] = {}


def ssl_context(verify: bool | ssl.SSLContext) -> ssl.SSLContext:
    """One context for each way to verify: making one takes 18 ms."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify not in _CONTEXT:
        _CONTEXT[verify] = httpx.create_ssl_context(verify=verify, trust_env=False)
    return _CONTEXT[verify]


FAILURES: tuple[type[Exception], ...] = (  # what sending and reading may raise
    httpx.HTTPError,
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.TimeoutException),
    *(httpcore.UnsupportedProtocol, OSError),
)
UNCONNECTED: tuple[type[Exception], ...] = (  # those of them without a connection, so that no answer can be lost
    *(httpx.ConnectError, httpx.ConnectTimeout, httpcore.ConnectError, httpcore.ConnectTimeout),
    ConnectionRefusedError,
)


class _Lease(httpx.AsyncByteStream):
    """A response body that gives its connection back when it is closed."""

    def __init__(self, stream: Any, owner: StackTransport, origin: Origin, connection: Connection) -> None:
        self._stream, self._owner, self._origin, self._connection = stream, owner, origin, connection

    def __aiter__(self) -> AsyncIterator[bytes]:  # no generator of its own: there would be a step of it in each chunk
        chunks: AsyncIterator[bytes] = self._stream.__aiter__()
        return chunks

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._owner.give_back(self._origin, self._connection)


class StackTransport(httpx.AsyncBaseTransport):
    """Connections on a stack for each origin: httpx's own pool does work quadratic in its open requests."""

    def __init__(self, *, verify: bool | ssl.SSLContext = True, proxy: str | None = None) -> None:
        # It makes connections, directly or through the proxy, and holds none of them.
        self._maker = httpcore.AsyncConnectionPool(
            ssl_context(verify), keepalive_expiry=KEPT, proxy=_proxy(proxy) if proxy is not None else None
        )
        self._free: dict[Origin, list[Connection]] = {}
        self._all: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over the connection that was used last. Raises one of FAILURES, here and when the body is read."""
        url = request.url
        origin = (url.raw_scheme, url.raw_host, url.port)
        target = httpcore.URL(scheme=origin[0], host=origin[1], port=origin[2], target=url.raw_path)
        connection = await self._idle(origin) or self._made(target)
        try:
            response = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=cast("AsyncIterable[bytes]", request.stream),
                    extensions=request.extensions,
                )
            )
        except BaseException:
            self._all.discard(connection)  # it closed itself
            raise
        stream = _Lease(response.stream, self, origin, connection)
        return httpx.Response(response.status, headers=response.headers, stream=stream)

    async def _idle(self, origin: Origin) -> Connection | None:
        free = self._free.get(origin)
        while free:
            connection = free.pop()
            if not connection.has_expired():
                return connection
            self._all.discard(connection)
            await connection.aclose()
        return None

    def _made(self, url: httpcore.URL) -> Connection:
        connection = self._maker.create_connection(url.origin)
        self._all.add(connection)
        return connection

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """The connection is free again, if it can be used again."""
        if connection.is_available():
            self._free.setdefault(origin, []).append(connection)
        else:
            self._all.discard(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        self._free.clear()
        while self._all:
            await self._all.pop().aclose()


def _proxy(url: str) -> httpcore.Proxy:
    proxy = httpx.Proxy(url)
    where = httpcore.URL(
        scheme=proxy.url.raw_scheme, host=proxy.url.raw_host, port=proxy.url.port, target=proxy.url.raw_path
    )
    return httpcore.Proxy(where, auth=proxy.raw_auth, headers=proxy.headers.raw)


def make_transport(transport: Transport, verify: bool | ssl.SSLContext, proxy: str | None) -> httpx.AsyncBaseTransport:
    """The transport by name. Raises ConfigurationError when its package is missing."""
    if transport == "stack":
        return StackTransport(verify=verify, proxy=proxy)
    if transport != "aiohttp":
        if isinstance(transport, str):
            raise ConfigurationError(f"transport={transport!r}: use 'stack', 'aiohttp' or an httpx.AsyncBaseTransport")
        return transport
    try:
        module = importlib.import_module("httpx_aiohttp")
    except ImportError:
        raise missing_extra("transport='aiohttp'", "fast") from None
    limits = httpx.Limits(max_connections=0)  # aiohttp's word for no limit; with None it opens 100 connections
    made: httpx.AsyncBaseTransport = module.AiohttpTransport(verify=ssl_context(verify), limits=limits, proxy=proxy)
    return made
