"""One connection to an MCP server, in a task of its own, opened again when it was lost."""

from __future__ import annotations

import asyncio
import importlib
import math
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import sniffio

from agentkit.client import first_error
from agentkit.errors import SourceFailed, missing_extra

if TYPE_CHECKING:
    from mcp import Client

T = TypeVar("T")
CLOSING = 15.0  # seconds a server has for its end


class Lost(Exception):
    """The connection ended while the server was asked something."""


def sdk() -> Any:
    """The official SDK: it takes longer to import than all of agentkit."""
    try:
        return importlib.import_module("mcp")
    except ImportError:
        raise missing_extra("MCP", "mcp") from None


def stdio_client(command: str, args: Sequence[str], env: Mapping[str, str], cwd: str | Path | None) -> Client:
    """A client of a child process, which inherits nothing but PATH, HOME, USER, LOGNAME, SHELL and TERM."""
    mcp = sdk()
    parameters = mcp.StdioServerParameters(command=command, args=[*args], env={**env}, cwd=cwd)
    client: Client = mcp.Client(mcp.stdio_client(parameters, sys.__stderr__))
    return client


def http_client(url: str, headers: Mapping[str, str]) -> Client:
    """A client of a URL. The environment's proxies and netrc are not asked."""
    httpx2 = importlib.import_module("httpx2")
    transport = importlib.import_module("mcp.client.streamable_http").streamable_http_client

    @asynccontextmanager
    async def streams() -> AsyncGenerator[Any]:
        timeout = httpx2.Timeout(30, read=300)
        http = httpx2.AsyncClient(headers={**headers}, timeout=timeout, trust_env=False)
        async with http, transport(url, http_client=http) as pair:
            yield pair

    client: Client = sdk().Client(streams())
    return client


class Connection:
    """Owns the SDK's client in one detached task: its task groups may be entered and left nowhere else.

    Calls come from any task of the same event loop. A lost connection is opened again by the next call.
    """

    def __init__(self, client: Callable[[], Client], place: str, seconds: float) -> None:
        self._make, self._place, self._seconds = client, place, seconds
        self._client: Client | None = None
        self._error: BaseException | None = None
        self._settled, self._wanted, self._left, self._done = (anyio.Event() for _ in range(4))
        self._closing = False
        self._scope = anyio.CancelScope()
        self._task: object = None  # held, or asyncio forgets it

    async def open(self) -> None:
        """Connect. Raises SourceFailed when the server does not start or answer."""
        owner = self._own()
        if sniffio.current_async_library() == "trio":
            trio = importlib.import_module("trio")
            self._task = trio.lowlevel.spawn_system_task(lambda: owner)
        else:
            self._task = asyncio.create_task(owner)
        try:
            await self.client()
        except BaseException:
            await self.close()
            raise

    async def client(self) -> Client:
        """The connected client. Raises SourceFailed when there is no connection to be had."""
        if self._client is None and self._settled.is_set():
            self._settled = anyio.Event()
            self._wanted.set()
        await self._settled.wait()
        if self._client is None:
            raise SourceFailed(f"{self._place}: {_reason(self._error)}")
        return self._client

    async def ask(self, question: Callable[[Client], Awaitable[T]], *, again: bool) -> T:
        """Ask the server something; `again`: once more when the connection was lost. Raises Lost, and its errors."""
        client = await self.client()
        try:
            return await question(client)
        except sdk().MCPError as error:
            if not _is_lost(error):
                raise
            if self._client is client:
                self._client = None
                self._left.set()
            if again:
                return await self.ask(question, again=False)
            raise Lost(f"{self._place}: the connection was lost") from None

    async def close(self) -> None:
        """End the connection and its task."""
        self._closing = True
        self._left.set()
        self._wanted.set()
        if self._client is None:
            self._scope.cancel()
        with anyio.move_on_after(2 * CLOSING, shield=True):
            await self._done.wait()

    async def _own(self) -> None:
        try:
            while not self._closing:
                settled, self._left, self._wanted = self._settled, anyio.Event(), anyio.Event()
                try:
                    await self._connected(settled)
                except Exception as error:
                    self._error = error
                self._client = None
                settled.set()
                await self._wanted.wait()
        finally:
            self._settled.set()
            self._done.set()

    async def _connected(self, settled: anyio.Event) -> None:
        with anyio.fail_after(self._seconds) as self._scope:
            async with self._make() as client:
                self._scope.deadline = math.inf
                self._client, self._error = client, None
                settled.set()
                await self._left.wait()
                self._scope.deadline = anyio.current_time() + CLOSING


def _is_lost(error: Any) -> bool:
    """Whether the connection or the server's session is gone; the SDK has one code for the one, texts for the other."""
    closed = importlib.import_module("mcp.types").CONNECTION_CLOSED
    return error.code == closed or error.message in ("Session terminated", "Server returned an error response")


def _reason(error: BaseException | None) -> str:
    error = first_error(error) if error is not None else None
    if isinstance(error, TimeoutError):
        return "the server did not answer in time; give connect=seconds"
    if isinstance(error, FileNotFoundError):
        return f"there is no such command: {error.filename}"
    return f"{type(error).__name__}: {error}" if error is not None else "the connection was closed"
