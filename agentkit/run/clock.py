"""The wall clock, for what expires. Everything that waits goes by the event loop's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar

wall_clock: ContextVar[Callable[[], float]] = ContextVar("agentkit_wall_clock", default=time.time)
"""Seconds since 1970; a test puts its own clock here (`agentkit.testing.VirtualClock`)."""
