"""Running a coroutine from code without an event loop: one loop per thread, kept, so that connections are reused."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

from anyio.lowlevel import current_token

from agentkit.errors import ConfigurationError

from .spec import Team

T = TypeVar("T")
_KEPT = 8  # models whose connections a thread keeps open


class _Loop:
    """The event loop of one thread, and the models whose connections it keeps."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._models: dict[int, Any] = {}
        self._open = True
        _LOOPS.add(self)

    def run(self, main: Coroutine[Any, Any, T], team: Team) -> T:
        try:
            self._runner.run(self._keep(team), context=copy_context())  # the caller's, not that of the loop's beginning
        except BaseException:
            main.close()
            raise
        return self._runner.run(main, context=copy_context())

    async def _keep(self, team: Team) -> None:
        for model in team.closable:
            if id(model) not in self._models:
                await model.__aenter__()
                self._models[id(model)] = model
        while len(self._models) > _KEPT:
            oldest = self._models.pop(next(iter(self._models)))
            await oldest.__aexit__(None, None, None)

    async def _release(self) -> None:
        while self._models:
            _, model = self._models.popitem()
            await model.__aexit__(None, None, None)

    def close(self) -> None:
        """Close the connections and the loop, once."""
        if not self._open:
            return
        self._open = False
        self._runner.run(self._release())
        self._runner.close()

    def __del__(self) -> None:
        self.close()  # its thread is over


_LOOPS: weakref.WeakSet[_Loop] = weakref.WeakSet()
_THREAD = threading.local()


@atexit.register
def _close_all() -> None:
    for loop in list(_LOOPS):
        loop.close()


def refuse_running_loop(verb: str, remedy: str) -> None:
    """Raise ConfigurationError when an event loop already runs here."""
    if _answers(asyncio.get_running_loop) or _answers(current_token):  # the second one knows trio's loop
        raise ConfigurationError(f"agent.{verb}(...) was called inside a running event loop; use {remedy}")


def _answers(question: Callable[[], object]) -> bool:
    try:
        question()
    except RuntimeError:
        return False
    return True


def run_in_thread_loop(main: Coroutine[Any, Any, T], team: Team) -> T:
    """Run a coroutine to its end on this thread's own loop."""
    loop: _Loop | None = getattr(_THREAD, "loop", None)
    if loop is None:
        loop = _THREAD.loop = _Loop()
    return loop.run(main, team)
