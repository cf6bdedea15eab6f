"""The event decoder against a reference, whatever the cuts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit import ProtocolError
from agentkit.client import EventDecoder

CASES = Path(__file__).parents[1] / "data" / "corpus" / "sse_cases.jsonl"
CASE_ROWS: list[dict[str, Any]] = [json.loads(line) for line in CASES.read_text().splitlines()]


def decoded(raw: bytes, cut: int | None = None) -> list[bytes]:
    decoder, events = EventDecoder(), list[bytes]()
    for start in range(0, len(raw), cut or max(1, len(raw))):
        events += decoder.feed(raw[start : start + (cut or len(raw))])
    return events + decoder.flush()


def reference(raw: bytes) -> list[bytes]:
    """The standard's algorithm over the whole body: simple and slow. An event without a blank line still counts."""
    text = raw.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[bytes] = []
    for block in text.split(b"\n\n"):
        data = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        if joined := b"\n".join(data):
            events.append(joined)
    return events


@pytest.mark.parametrize(
    "case", CASE_ROWS, ids=[str(row.get("name", row.get("id", n))) for n, row in enumerate(CASE_ROWS)]
)
@pytest.mark.parametrize("cut", [1, 7, None, "given"])
def test_the_recorded_cases(case: dict[str, Any], cut: int | str | None) -> None:
    chunks = [base64.b64decode(chunk) for chunk in case["chunks"]]
    if cut == "given":
        decoder, events = EventDecoder(), list[bytes]()
        for chunk in chunks:
            events += decoder.feed(chunk)
        events += decoder.flush()
    else:
        events = decoded(b"".join(chunks), cut if isinstance(cut, int) else None)
    wanted = [event if isinstance(event, str) else event["data"] for event in case["events"]]
    assert [event.decode() for event in events] == [data for data in wanted if data]


LINES = st.sampled_from(
    [
        b"data: {}",
        b"data:x",
        b"data:",
        b"data: ",
        b": ping",
        b":",
        b"id: 1",
        b"event: a",
        b"",
        b"\xc3\xa4",
        b"data: \xe2\x80\xa8",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.booleans(), st.lists(st.integers(1, 9), max_size=20))
def test_any_cut_gives_what_the_reference_gives(lines: list[tuple[bytes, bytes]], mark: bool, cuts: list[int]) -> None:
    raw = (b"\xef\xbb\xbf" if mark else b"") + b"".join(line + end for line, end in lines)
    decoder, events, start = EventDecoder(), list[bytes](), 0
    for size in cuts:
        events += decoder.feed(raw[start : start + size])
        start += size
    events += decoder.feed(raw[start:])
    assert events + decoder.flush() == reference(raw)


@given(st.binary(max_size=300), st.integers(1, 20))
def test_any_bytes_are_read_the_same_in_pieces(raw: bytes, cut: int) -> None:
    assert decoded(raw, cut) == decoded(raw)


@pytest.mark.parametrize(
    "raw", [b"data: " + b"x" * 200, b"x" * 200, b"data: xxxxxxxxx\n" * 20], ids=["data", "line", "many-lines"]
)
@pytest.mark.parametrize("cut", [1, 50, None])
def test_an_event_over_the_cap_is_an_error(raw: bytes, cut: int | None) -> None:
    decoder = EventDecoder(max_event=100)
    with pytest.raises(ProtocolError, match="longer than 100 bytes"):
        for start in range(0, len(raw), cut or len(raw)):
            decoder.feed(raw[start : start + (cut or len(raw))])


def test_an_event_over_the_cap_in_one_whole_piece_is_an_error_too() -> None:
    with pytest.raises(ProtocolError, match="longer than 100 bytes"):
        EventDecoder(max_event=100).feed(b"data: " + b"x" * 101 + b"\n\n")
