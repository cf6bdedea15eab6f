"""A client that leaves ends what was done for it (S15)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.types import Receive

from agentkit.run.group import plain_group

T = TypeVar("T")


class Stalled(Exception):
    """The client is there, and takes nothing of its answer any more."""


async def unless_left(receive: Receive, work: Callable[[], Awaitable[T]]) -> T | None:
    """The work's result; None when the client left before, which cancels the work. The body must have been read."""
    done: list[T] = []
    async with plain_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        done.append(await work())
        group.cancel_scope.cancel()
    return done[0] if done else None
