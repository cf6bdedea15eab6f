"""Connections: httpx's own transports, one connection each, on a stack."""

from __future__ import annotations

import importlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx

from agentkit.errors import ConfigurationError, missing_extra

TransportName = Literal["stack", "aiohttp"]
Transport = TransportName | httpx.AsyncBaseTransport
_CONTEXT: dict[bool, ssl.SSLContext] = {}


def ssl_context(verify: bool | ssl.SSLContext) -> ssl.SSLContext:
    """One context for each way to verify: making one takes 18 ms."""
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify not in _CONTEXT:
        _CONTEXT[verify] = httpx.create_ssl_context(verify=verify, trust_env=False)
    return _CONTEXT[verify]


class _Lease(httpx.AsyncByteStream):
    """A response body that gives its connection back when it is closed."""

    def __init__(self, stream: Any, owner: StackTransport, connection: httpx.AsyncHTTPTransport) -> None:
        self._stream, self._owner, self._connection = stream, owner, connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        iterator: AsyncIterator[bytes] = self._stream.__aiter__()
        return iterator

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._owner.give_back(self._connection)


class StackTransport(httpx.AsyncBaseTransport):
    """One-connection transports on a stack: httpx's own pool does work quadratic in its open requests."""

    def __init__(self, *, verify: bool | ssl.SSLContext = True, proxy: str | None = None) -> None:
        self._verify, self._proxy = verify, proxy
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._all: list[httpx.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over the connection that was used last."""
        connection = self._free.pop() if self._free else self._made()
        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            self._free.append(connection)
            raise
        response.stream = _Lease(response.stream, self, connection)
        return response

    def _made(self) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        context = ssl_context(self._verify)
        connection = httpx.AsyncHTTPTransport(verify=context, limits=limits, proxy=self._proxy, trust_env=False)
        self._all.append(connection)
        return connection

    def give_back(self, connection: httpx.AsyncHTTPTransport) -> None:
        """The connection is free again."""
        self._free.append(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        while self._all:
            await self._all.pop().aclose()


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
