"""A run as an iterator of its events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Generic, TypeVar

from anyio.from_thread import BlockingPortal

from agentkit.client import Feed
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState

from .events import Event, TextDelta
from .loop import execute
from .result import RunResult
from .run import Emit, Run
from .stopped import outside_the_run

Out = TypeVar("Out", covariant=True)


class RunStream(Feed[Event], Generic[Out]):
    """The events of a run, as they happen. Leaving the block cancels the run."""

    def __init__(self, prepare: Callable[[Emit], Awaitable[Run]]) -> None:
        super().__init__(self._tell_events)
        self._prepare = prepare
        self._run: Run | None = None
        self._result: RunResult[Any] | None = None
        self._error: Exception | None = None

    @property
    def state(self) -> RunState | None:
        """Where the run stands; None before it began."""
        return self._run.shared.journal.state if self._run is not None else None

    @property
    def result(self) -> RunResult[Out]:
        """The result, once the events are all read. Raises the run's error, or ConfigurationError before the end."""
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise ConfigurationError("the run is not over: read its events to the end, or call run.finish()")
        return self._result

    async def finish(self) -> RunResult[Out]:
        """Skip the events that are left and wait for the result."""
        async for _ in self:
            pass
        return self.result

    async def text(self) -> AsyncIterator[str]:
        """Just the text, piece by piece."""
        async for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    async def tell(self, emit: Emit) -> RunResult[Out]:
        """Run in this task, without a block: each event is handed to `emit` at the moment it happens."""
        await self._tell_events(emit)
        return self.result

    async def _tell_events(self, tell: Emit) -> None:
        try:
            self._run = await self._prepare(tell)
            with outside_the_run():
                self._result = await execute(self._run)
        except Exception as error:
            self._error = error
            raise


class SyncRunStream(Generic[Out]):
    """The same for code without an event loop; the run lives in a helper thread."""

    def __init__(self, portal: AbstractContextManager[BlockingPortal], stream: RunStream[Out]) -> None:
        self._portal_manager, self._stream = portal, stream
        self._portal: BlockingPortal | None = None
        self._entered: AbstractContextManager[RunStream[Out]] | None = None

    @property
    def result(self) -> RunResult[Out]:
        """The result, once the events are all read."""
        return self._stream.result

    @property
    def state(self) -> RunState | None:
        """Where the run stands."""
        return self._stream.state

    def finish(self) -> RunResult[Out]:
        """Skip the events that are left and wait for the result."""
        for _ in self:
            pass
        return self.result

    def text(self) -> Iterator[str]:
        """Just the text, piece by piece."""
        for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if self._portal is None:
            raise ConfigurationError("use `with agent.stream_sync(...) as run:` and iterate inside the block")
        try:
            event = self._portal.call(self._next)
        except StopAsyncIteration:
            raise StopIteration from None
        if isinstance(event, BaseException):
            raise event
        return event

    async def _next(self) -> Event | BaseException:
        try:
            return await self._stream.__anext__()
        except (KeyboardInterrupt, SystemExit) as error:  # raised here, it would end the helper thread's loop
            return error

    def __enter__(self) -> SyncRunStream[Out]:
        if self._entered is not None:
            raise ConfigurationError("a stream is entered once; ask for another with agent.stream_sync(...)")
        self._portal = self._portal_manager.__enter__()
        self._entered = self._portal.wrap_async_context_manager(self._stream)
        self._entered.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._entered is not None:
                self._entered.__exit__(kind, error, trace)
        finally:
            self._portal_manager.__exit__(None, None, None)
            self._portal = None
