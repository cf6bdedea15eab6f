"""The event decoder against the standard's own algorithm, line for line, over any bytes and any cuts (F7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import ProtocolError
from agentkit.client import EventDecoder

FIELDS = [b"data", b"data:", b"data: ", b"event", b"id", b"retry", b"data : x", b"Data: x", b":", b" ", b"{}", b"x"]
ENDS = [b"\n", b"\r", b"\r\n", b"\n\n"]
ODDITIES = [b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\x85", b"\x0b", b"\x00", b"\xff", "ü".encode()]
PIECES = st.sampled_from(FIELDS) | st.sampled_from(ENDS) | st.sampled_from(ODDITIES)
BODIES = st.lists(PIECES | st.binary(max_size=3), max_size=40).map(b"".join)


def reference(body: bytes) -> list[bytes]:
    """The HTML standard, 9.2.6, "Interpreting an event stream", as it stands there; on bytes, one after the other.

    Two things are ours: events without data are left out (Q44), and the end of the body ends the last event.
    """
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    events: list[bytes] = []
    buffer = b""
    for line in _lines(body):
        if line == b"":
            if buffer != b"":
                events.append(buffer[:-1] if buffer.endswith(b"\n") else buffer)
            buffer = b""
        elif line.startswith(b":"):
            continue
        elif b":" in line:
            field, _, value = line.partition(b":")
            buffer = _processed(buffer, field, value[1:] if value.startswith(b" ") else value)
        else:
            buffer = _processed(buffer, line, b"")
    return [event for event in events if event]


def _processed(buffer: bytes, field: bytes, value: bytes) -> bytes:
    return buffer + value + b"\n" if field == b"data" else buffer


def _lines(body: bytes) -> list[bytes]:
    """The lines of the body and one empty line behind them."""
    lines: list[bytes] = []
    line = b""
    position = 0
    while position < len(body):
        byte = body[position : position + 1]
        position += 1
        if byte not in (b"\r", b"\n"):
            line += byte
            continue
        if byte == b"\r" and body[position : position + 1] == b"\n":
            position += 1
        lines.append(line)
        line = b""
    return [*lines, line, b""]


@given(BODIES, st.lists(st.integers(0, 60), max_size=12))
def test_any_bytes_in_any_pieces_give_the_events_of_the_standard(body: bytes, cuts: list[int]) -> None:
    decoder, events, begun = EventDecoder(), list[bytes](), 0
    for cut in [*sorted(cuts), len(body)]:
        events += decoder.feed(body[begun : max(begun, cut)])
        begun = max(begun, cut)
    assert events + decoder.flush() == reference(body)


@pytest.mark.parametrize("line", [b"data\n", b"data:\n", b"data: \n", b"data:x\n"])
def test_an_event_of_very_many_lines_is_over_the_cap_too(line: bytes) -> None:
    decoder = EventDecoder(max_event=1000)
    with pytest.raises(ProtocolError, match="longer than 1000 bytes"):
        for _ in range(1100):
            decoder.feed(line)
