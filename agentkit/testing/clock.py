"""A clock for tests: what takes an hour takes no time."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable
from contextvars import Token
from types import TracebackType
from typing import Any, Literal, TypeVar, TypeVarTuple

import anyio

from agentkit.run.clock import wall_clock

T = TypeVar("T")
Args = TypeVarTuple("Args")
Backend = Literal["asyncio", "trio"]


class VirtualClock:
    """Time that passes by `advance`, or by itself once nothing happened for `autojump` real seconds (None: never).

    `clock.run(main)` is anyio's `run` with sleeps, deadlines, timeouts, retry delays and expiries on this clock.
    `with clock:` puts only what expires on it. Threads and sockets at work look like nothing: an `autojump` longer
    than they take keeps the clock from jumping over them.
    """

    def __init__(self, *, autojump: float | None = 0.05) -> None:
        self.autojump = autojump
        self._began = time.time()
        self._passed = 0.0
        self._trio: Any = None  # its own clock, while its loop runs
        self._tokens: list[Token[Callable[[], float]]] = []

    @property
    def passed(self) -> float:
        """Seconds since the clock was made."""
        return self._passed + (self._trio.current_time() if self._trio is not None else 0.0)

    def now(self) -> float:
        """Seconds since 1970, as a run that expires sees them."""
        return self._began + self.passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        if self._trio is not None:
            self._trio.jump(seconds)
        else:
            self._passed += seconds

    def run(self, function: Callable[[*Args], Awaitable[T]], *args: *Args, backend: Backend = "asyncio") -> T:
        """Run an async function to its end on this clock."""
        with self:
            options = self.options(backend)
            try:
                return anyio.run(function, *args, backend=backend, backend_options=options)
            finally:
                passed, self._trio = self.passed, None
                self._passed = passed

    def options(self, backend: Backend) -> dict[str, Any]:
        """What anyio takes as `backend_options`: its `run`, and the `anyio_backend` fixture of its pytest plugin."""
        if backend == "asyncio":
            return {"loop_factory": lambda: _Loop(self)}
        from trio.testing import MockClock

        self._passed = self.passed
        self._trio = MockClock(autojump_threshold=float("inf") if self.autojump is None else self.autojump)
        return {"clock": self._trio}

    def __enter__(self) -> VirtualClock:
        self._tokens.append(wall_clock.set(self.now))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall_clock.reset(self._tokens.pop())


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's loop, by another clock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        """Seconds of the clock."""
        return self._clock.passed


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, time jumps to it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; nothing after a jump."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(self._clock.autojump)
        if not ready and self._clock.autojump is not None:
            self._clock.advance(timeout)
        return ready
