"""Span and Recorder: what tracing asks of whoever keeps the spans."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from .attributes import Attributes


class Span(Protocol):
    """One piece of work while it is done."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def add_event(self, name: str, attributes: Attributes) -> None:
        """Something happened at this moment."""
        ...

    def end(self, error: str, message: str) -> None:
        """It is over; `error` is the type of the error that it ended with, empty when it went well."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """Inside the block, other tracing puts its spans below this one."""
        ...

    def headers(self) -> Mapping[str, str]:
        """What carries the trace on over HTTP."""
        ...


class Recorder(Protocol):
    """Where spans and measurements are kept."""

    def start(self, name: str, parent: Span | None, attributes: Attributes, *, remote: bool) -> Span:
        """A span begins. No parent: it lies in whatever trace surrounds it. remote: the work is done elsewhere."""
        ...

    def measure(self, metric: str, value: float, attributes: Attributes) -> None:
        """One value of a metric."""
        ...
