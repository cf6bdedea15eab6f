"""A task that tells of its work, as an iterator of what it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
from anyio.abc import TaskGroup

from agentkit.errors import ConfigurationError

from .channel import Channel

T = TypeVar("T")
Tell = Callable[[T], Awaitable[None]]


class Feed(Generic[T]):
    """Runs `work(tell)` in a task of its own while the block lasts; leaving the block cancels it.

    The iterator raises the work's error after everything it told before.
    """

    def __init__(self, work: Callable[[Tell[T]], Awaitable[None]]) -> None:
        self._work = work
        self._channel: Channel[T] = Channel()
        self._group: TaskGroup | None = None
        self._entered = False

    async def _follow(self) -> None:
        try:
            await self._work(self._channel.put)
        except (Exception, KeyboardInterrupt, SystemExit) as error:  # these two would tear the loop of another task
            await self._channel.close(error)
        else:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("a stream is entered once; ask for another with agent.stream(...)")
        self._entered = True
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._follow)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        if group is None:
            return
        group.cancel_scope.cancel()
        try:
            await group.__aexit__(kind, error, trace)
        except BaseExceptionGroup as errors:
            first = first_error(errors)
            if first is not error:
                raise first from None

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:  # no coroutine of its own: there is one in each chunk
        if self._group is None and not self._channel.closed:  # nobody is there to tell anything: it would wait forever
            raise ConfigurationError(
                "a stream was read outside its block: write `async with agent.stream(...) as run:` "
                "and `async for event in run:` inside it"
            )
        return self._channel.__anext__()


def first_error(error: BaseException) -> BaseException:
    """The most telling leaf of a group: what stops everything, then errors, then cancellation."""
    leaves: list[BaseException] = []

    def walk(node: BaseException) -> None:
        inside: Sequence[BaseException] | None = getattr(node, "exceptions", None)  # of a group alone
        if inside is None:
            leaves.append(node)
        for inner in inside or ():
            walk(inner)

    walk(error)
    stops = [leaf for leaf in leaves if not isinstance(leaf, (Exception, anyio.get_cancelled_exc_class()))]
    errors = [leaf for leaf in leaves if isinstance(leaf, Exception)]
    return (stops or errors or leaves)[0]
