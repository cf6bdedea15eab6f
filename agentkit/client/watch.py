"""Watch: what a layer above adds to a request and learns of its attempts, without reaching into the client."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

from agentkit.errors import ModelError


class Watch(Protocol):
    """Hears of every attempt of the requests that are made while it is set: `WATCH.set(watch)`."""

    def sending(self, url: str) -> Mapping[str, str]:
        """An attempt begins; what is returned is added to its headers, and overrides none of the client's."""
        ...

    def failed(self, error: ModelError, delay: float | None) -> None:
        """It failed. The next one begins after `delay` seconds; None: there is no other."""
        ...


WATCH: ContextVar[Watch | None] = ContextVar("agentkit_watch", default=None)
