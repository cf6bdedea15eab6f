"""Server-sent events, decoded from bytes as they arrive."""

from __future__ import annotations

import re

from agentkit.errors import ProtocolError

MAX_EVENT = 4 * 1024 * 1024  # bytes of one line or event
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventDecoder:
    """`feed` bytes, get the data of each event that is complete. Only CR, LF and CRLF end a line (Q41 to Q46)."""

    def __init__(self, max_event: int = MAX_EVENT) -> None:
        self._buffer = b""
        self._data: list[bytes] = []
        self._size = 0
        self._max = max_event
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that are complete now. Raises ProtocolError for an event over the cap."""
        end = data.find(b"\n")
        plain = end == len(data) - 2 and 6 < end <= self._max and data[-1] == 10 and data[:6] == b"data: "
        if plain and not self._buffer and not self._data and data.find(b"\r") < 0:  # `in` would take twice as long
            self._begun = True
            return [data[6:end]]  # one event in one piece, as most servers write
        buffer = self._buffer + data if self._buffer else data
        if not self._begun:
            if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(buffer):
                self._buffer = buffer
                return []
            self._begun = True
            buffer = buffer.removeprefix(b"\xef\xbb\xbf")
        events: list[bytes] = []
        if b"\r" in buffer or self._data:
            self._buffer = self._any_ends(buffer, events)
        else:
            *blocks, self._buffer = buffer.split(b"\n\n")
            for block in blocks:
                if block[:6] == b"data: " and b"\n" not in block and 6 < len(block) <= self._max:
                    events.append(block[6:])
                else:
                    self._lines(block, events)
        if len(self._buffer) + self._size > self._max:
            raise ProtocolError(f"an event of the stream is longer than {self._max} bytes")
        return events

    def flush(self) -> list[bytes]:
        """The stream is over: what is left counts as if its lines had ended."""
        events: list[bytes] = []
        rest, self._buffer = self._buffer.rstrip(b"\r\n"), b""
        self._lines(rest, events)
        return events

    def _lines(self, block: bytes, events: list[bytes]) -> None:
        """Lines that a blank one ended."""
        for line in _LINE_END.split(block):
            self._line(line, events)
        self._line(b"", events)

    def _any_ends(self, buffer: bytes, events: list[bytes]) -> bytes:
        start = 0
        for match in _LINE_END.finditer(buffer):
            if match[0] == b"\r" and match.end() == len(buffer):
                break  # the LF of a CRLF may still come
            self._line(buffer[start : match.start()], events)
            start = match.end()
        return buffer[start:]

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                self._data, self._size = [], 0
                if data:
                    events.append(data)
        elif line.startswith(b"data:") or line == b"data":
            value = line[6:] if line.startswith(b"data: ") else line[5:]
            self._size += len(value) + bool(self._data)  # and the line end before it: empty lines count too
            if self._size > self._max:
                raise ProtocolError(f"an event of the stream is longer than {self._max} bytes")
            self._data.append(value)
