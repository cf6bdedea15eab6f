"""Every step of an event loop, counted: a test can act before the n-th one, without sleeps and without luck.

A step is one callback of asyncio's loop, or one stretch of a task between two checkpoints under trio.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, Literal, TypeVar

import anyio
import trio
import trio._core._run as scheduler

from agentkit.testing import VirtualClock

T = TypeVar("T")
Backend = Literal["asyncio", "trio"]


class Steps(trio.abc.Instrument):
    """Counts from `begin` on, and calls `act` once, before step `at`."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.count, self.began = at, 0, False
        self.act: Callable[[], object] = lambda: None

    def begin(self, act: Callable[[], object]) -> None:
        self.act, self.began = act, True

    def end(self) -> None:
        self.began = False

    def step(self) -> None:
        if not self.began:
            return
        self.count += 1
        if self.count == self.at:
            self.act()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.step()


def run_in_steps(
    main: Callable[[], Awaitable[T]], steps: Steps, backend: Backend, clock: VirtualClock | None = None
) -> T:
    """Run `main` on a clock that stands still, counting its steps; the same run takes the same steps."""
    options = (clock or VirtualClock(autojump=None)).options(backend)
    if backend == "trio":
        options["instruments"] = [steps]
        # trio shuffles the tasks that are ready; with a seed of its own it does so in the same way each time.
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True
        scheduler._r = random.Random(7)
    else:
        make_loop = options["loop_factory"]

        def stepping_loop() -> Any:
            loop = make_loop()
            plain = loop.call_soon

            def call_soon(callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
                def counted(*given: Any) -> None:
                    steps.step()
                    callback(*given)

                return plain(counted, *args, context=context)

            loop.call_soon = call_soon
            return loop

        options["loop_factory"] = stepping_loop
    return anyio.run(main, backend=backend, backend_options=options)
