"""Following the HTTP attempts of one span: the trace goes out with each, and each that fails is an event."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from agentkit.client import WATCH, Watch
from agentkit.errors import ModelError, StatusError

from .attributes import Attributes
from .span import Span


class Attempts:
    """Hears of the attempts made for one span, and passes on what is heard to the watch around it."""

    def __init__(self, span: Span, outer: Watch | None) -> None:
        self._span, self._outer = span, outer
        self.server: Attributes = {}

    def sending(self, url: str) -> Mapping[str, str]:
        """The headers that carry the trace on."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self.server = {"server.address": parts.hostname or "", "server.port": port}
        if self._outer is None:
            return self._span.headers()
        return {**self._outer.sending(url), **self._span.headers()}

    def failed(self, error: ModelError, delay: float | None) -> None:
        """An event, with the seconds until the next attempt if there is one."""
        about: Attributes = {"error.type": type(error).__name__}
        if isinstance(error, StatusError):
            about["http.response.status_code"] = error.status
        if delay is not None:
            about["agentkit.retry.delay"] = round(delay, 3)
        self._span.add_event("agentkit.attempt_failed", about)
        if self._outer is not None:
            self._outer.failed(error, delay)


@contextmanager
def watched(span: Span) -> Generator[Attempts]:
    """Requests made inside the block belong to the span."""
    attempts = Attempts(span, WATCH.get())
    token = WATCH.set(attempts)
    try:
        yield attempts
    finally:
        WATCH.reset(token)
