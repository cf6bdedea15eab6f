"""KeyboardInterrupt and SystemExit of a tool, on their way out of a run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class Stopped(BaseException):
    """Carries one past the tasks of the run: asyncio would tear its loop, and leave the siblings' results unwritten."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.error = error


@contextmanager
def outside_the_run() -> Generator[None]:
    """Here it is raised as what it is."""
    try:
        yield
    except Stopped as stopped:
        raise stopped.error from None
