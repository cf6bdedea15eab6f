"""A task group that raises the error itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from agentkit.client import first_error

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
