"""TraceFile: the spans of runs as lines of a local file, which `agentkit trace` reads."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic_core import to_json

from agentkit.errors import ConfigurationError

from .attributes import Attributes
from .span import Span
from .spans import Spans

log = logging.getLogger("agentkit")


class TraceFile(Spans):
    """Middleware that appends each finished span to a file, as one line of JSON. Needs no further package.

    A line: name, trace, span, parent, start (seconds since 1970), seconds, error, attributes, events. Children stand
    before their parents. Any number of runs and processes may share a file. content: also messages, arguments,
    results and errors' texts. Raises ConfigurationError for a path that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, content: bool = False, provider: str = "openai") -> None:
        self.path = Path(path)
        super().__init__(_File(self.path), content=content, provider=provider)


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # Times of one file go with the monotonic clock, so that a clock that is set leaves no torn waterfall.
        self._zero = time.time() - time.perf_counter()
        try:
            path.open("ab").close()
        except OSError as error:
            raise ConfigurationError(f"TraceFile({str(path)!r}) cannot be written: {error.strerror}") from None

    def start(self, name: str, parent: Span | None, attributes: Attributes, *, remote: bool) -> Span:
        return _Line(self, name, parent if isinstance(parent, _Line) else None, dict(attributes))

    def measure(self, metric: str, value: float, attributes: Attributes) -> None:
        """The spans hold durations and tokens already."""

    def now(self) -> float:
        return self._zero + time.perf_counter()

    def write(self, line: bytes) -> None:
        try:
            with self._lock, self._path.open("ab", buffering=0) as file:  # one write a line: no process tears another's
                file.write(line)
        except OSError as error:  # what is watched must not fail because of who watches
            log.warning("the trace file %s cannot be written: %s", self._path, error.strerror)


class _Line:
    def __init__(self, file: _File, name: str, parent: _Line | None, attributes: Attributes) -> None:
        self._file, self._name, self._parent, self._attributes = file, name, parent, attributes
        self.trace: str = parent.trace if parent is not None else secrets.token_hex(16)
        self.id = secrets.token_hex(8)
        self._events: list[dict[str, object]] = []
        self._start = file.now()

    def set(self, attributes: Attributes) -> None:
        self._attributes.update(attributes)

    def add_event(self, name: str, attributes: Attributes) -> None:
        self._events.append({"name": name, "at": self._file.now(), "attributes": attributes})

    def end(self, error: str, message: str) -> None:
        row: dict[str, object] = {
            "name": self._name,
            "trace": self.trace,
            "span": self.id,
            "parent": self._parent.id if self._parent is not None else None,
            "start": self._start,
            "seconds": self._file.now() - self._start,
            "error": error or None,
            "attributes": self._attributes | ({"error.message": message} if message else {}),
            "events": self._events,
        }
        self._file.write(to_json(row, fallback=str) + b"\n")

    def current(self) -> contextlib.AbstractContextManager[object]:
        return contextlib.nullcontext()

    def headers(self) -> Mapping[str, str]:
        return {}  # nobody who receives them has the other half
