"""A task group that raises the error itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from anyio.abc import TaskGroup


@asynccontextmanager
async def plain_group() -> AsyncGenerator[TaskGroup]:
    """Like anyio's task group, but raises the first real error alone, not a group around it."""
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as error:
        raise first_error(error) from None


def first_error(error: BaseException) -> BaseException:
    """The most telling leaf: KeyboardInterrupt and SystemExit, then errors, then cancellation."""
    leaves: list[BaseException] = []

    def walk(node: BaseException) -> None:
        inside: Sequence[BaseException] | None = getattr(node, "exceptions", None)  # of a group alone
        if inside is None:
            leaves.append(node)
        for inner in inside or ():
            walk(inner)

    walk(error)
    stops = [leaf for leaf in leaves if isinstance(leaf, (KeyboardInterrupt, SystemExit))]
    errors = [leaf for leaf in leaves if isinstance(leaf, Exception)]
    return (stops or errors or leaves)[0]
