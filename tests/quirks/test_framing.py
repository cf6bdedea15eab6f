"""Server-sent events and HTTP answers, as servers really frame them (ROBUSTNESS Q41 to Q54)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from agentkit import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    ProtocolError,
    RateLimited,
    ServerFailed,
    StatusError,
    StreamInterrupted,
)
from tests.loopback import sse, whole

from .quirk import CUTS, DONE, VIEWS, Quirk, View, call, check, delta, end, event, outcome_of, rows

ONE = '{"a":1,"b":2}'
ADD = ("add", {"a": 1, "b": 2})
CALL = delta(call("add", ONE, id="x1", index=0))
WITH_CALL = CALL + end()
HI = delta(content="hi")
JSON = {"content-type": "application/json"}
HTML = b"<html><body>Bad gateway sk-abcdefghijklmnopqrstuvwx</body></html>"


def _lines(*lines: bytes, end: bytes = b"\n") -> bytes:
    return end.join(lines) + end


FRAMED = (
    Quirk("Q41-comments", b": OPENROUTER PROCESSING\n\n" + CALL + b": ping\n\n:\n\n" + end(), (ADD,)),
    Quirk("Q42-an-id-and-a-comment", b"id: 1\n" + CALL + b": ping\n\n" + end(), (ADD,)),
    Quirk("Q43-a-comment-inside-data", b"data: : keepalive\n\n" + CALL + b"data: :ping\n\n" + end(), (ADD,)),
    Quirk("Q44-empty-data", b"data:\n\n" + CALL + b'data: ""\n\ndata: \n\n' + end(), (ADD,)),
    Quirk("Q44-a-ping", event({"type": "ping"}) + CALL + event({"type": "ping"}) + end(), (ADD,)),
    Quirk("Q45-byte-order-mark", b"\xef\xbb\xbf" + WITH_CALL, (ADD,)),
    Quirk("Q45-crlf", WITH_CALL.replace(b"\n", b"\r\n"), (ADD,)),
    Quirk("Q45-lone-cr", WITH_CALL.replace(b"\n", b"\r"), (ADD,)),
    Quirk("Q45-no-space", WITH_CALL.replace(b"data: ", b"data:"), (ADD,)),
    Quirk("Q45-event-and-retry", WITH_CALL.replace(b"data: ", b"event: chunk\nretry: 5\nid: 7\ndata: "), (ADD,)),
    Quirk("Q45-data-in-two-lines", b'data: {"choices":\ndata: [{"delta": {"content": "hi"}}]}\n\n' + DONE, text="hi"),
    Quirk("Q45-no-blank-line-at-the-end", HI + b"data: [DONE]", text="hi"),
    Quirk("Q46-utf8-in-pieces", delta(content="größer 🦉 \u2028 ende").replace(b"\\u", b"\\u") + end("stop"), text="größer 🦉 \u2028 ende"),
    Quirk(
        "Q46-a-charset-that-lies",
        _lines(b"data: " + json.dumps({"choices": [{"delta": {"content": "größer"}}]}, ensure_ascii=False).encode(), b"") + DONE,
        text="größer",
        headers={"content-type": "text/event-stream; charset=latin-1"},
    ),
    Quirk("Q46-a-line-separator-inside-text", 'data: {"choices":[{"delta":{"content":"a\u2028b\u0085c"}}]}\n\n'.encode() + DONE, text="a\u2028b\u0085c"),
    Quirk("Q46-bytes-that-are-no-utf8", b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n' + DONE, text="a\ufffdb"),
    Quirk("Q47-no-done", CALL + delta(reason="tool_calls"), (ADD,)),
    Quirk("Q48-bytes-after-done", WITH_CALL + CALL + b"data: garbage\n\n", (ADD,)),
    Quirk("Q49-an-error-event", event({"error": {"message": "overloaded", "code": 502}}) + DONE, error=ServerFailed),
    Quirk("Q49-an-error-text", event({"error": "overloaded"}) + DONE, error=ServerFailed),
    Quirk("Q49-an-error-beside-empty-choices", event({"choices": [], "error": {"message": "m", "code": "x"}}), error=ServerFailed),
    Quirk("Q49-an-error-after-a-delta", HI + event({"error": {"message": "overloaded"}}), error=StreamInterrupted),
    Quirk("Q50-html", HTML, error=ProtocolError, headers={"content-type": "text/html"}),
    Quirk("Q50-html-called-a-stream", HTML, error=ProtocolError),
    Quirk("Q50-nothing", b"", error=ProtocolError),
    Quirk("Q50-a-json-error", b'{"error":{"message":"no"}}', error=ServerFailed, headers=JSON),
    Quirk("Q50-done-alone", DONE, error=ProtocolError),
    Quirk("a-stream-under-another-content-type", WITH_CALL, (ADD,), headers={"content-type": "text/plain"}),
)  # fmt: skip

UNASKED = (
    Quirk("Q51-a-stream-nobody-asked-for", WITH_CALL, (ADD,)),
    Quirk("Q51-under-the-wrong-content-type", b": hi\n\n" + WITH_CALL, (ADD,), headers=JSON),
    Quirk("Q50-html", HTML, error=ProtocolError, headers={"content-type": "text/html"}),
    Quirk("Q50-nothing", b"", error=ProtocolError, headers=JSON),
    Quirk("Q50-half-a-json", b'{"choices":[{"mess', error=ProtocolError, headers=JSON),
    Quirk("Q49-an-error-in-200", b'{"error":{"message":"no","code":429}}', error=ServerFailed, headers=JSON),
)


@rows(*FRAMED)
def test_streams(quirk: Quirk, cut: int | None, view: View) -> None:
    check(quirk, cut, view)


@rows(*(Quirk(q.id, q.raw, q.ran, q.text, q.error, streamed=False, headers=q.headers) for q in UNASKED))
def test_answers_to_unstreamed_requests(quirk: Quirk, cut: int | None, view: View) -> None:
    check(quirk, cut, view)


@pytest.mark.parametrize("view", VIEWS)
def test_q48_a_server_that_keeps_the_connection_open_after_done_is_left(view: View) -> None:
    quirk = Quirk("Q48", WITH_CALL, (ADD,), ending="hang")
    check(quirk, 7, view)


def test_q46_bytes_that_are_no_utf8_warn(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "agentkit"):
        outcome_of(Quirk("Q46", b'data: {"choices":[{"delta":{"content":"a\xffb"}}]}\n\n' + DONE), None, "asyncio")
    assert [record.getMessage() for record in caplog.records] == [
        "the stream holds bytes that are not UTF-8; they are read as U+FFFD"
    ]


@pytest.mark.parametrize("streamed", [True, False])
def test_q50_the_excerpt_says_what_came_and_holds_no_key(streamed: bool) -> None:
    quirk = Quirk("Q50", HTML, streamed=streamed, headers={"content-type": "text/html"})
    error = outcome_of(quirk, None, "asyncio").error
    assert "text/html" in str(error)
    assert "Bad gateway" in str(error)
    assert "sk-abc" not in str(error)


ERRORS: tuple[tuple[str, int, Any, type[StatusError], str], ...] = (
    ("Q52-a-text", 400, {"error": "no such thing"}, BadRequest, "no such thing"),
    ("Q52-a-list", 400, [{"error": {"message": "no such thing", "code": 400}}], BadRequest, "no such thing"),
    ("Q52-detail", 422, {"detail": [{"loc": ["body"], "msg": "no such thing"}]}, BadRequest, "no such thing"),
    ("Q52-message", 401, {"message": "no such thing"}, AuthenticationFailed, "no such thing"),
    ("Q52-object-error", 404, {"object": "error", "message": "no such thing"}, BadRequest, "no such thing"),
    ("Q52-error-code", 403, {"error_code": "no_such", "message": "no such thing"}, AuthenticationFailed, "no such thing"),
    ("Q52-openai", 400, {"error": {"message": "no such thing", "type": "t", "param": "n", "code": "c"}}, BadRequest, "no such thing"),
    ("context", 400, {"error": {"message": "m", "code": "context_length_exceeded"}}, ContextOverflow, "m"),
    ("Q54-429", 429, {"error": {"message": "slow down"}}, RateLimited, "slow down"),
    *((f"Q54-{status}", status, {"error": "over"}, ServerFailed, "over") for status in (500, 503, 520, 524, 529)),
    ("Q54-408", 408, {"error": "over"}, BadRequest, "over"),
)  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("status", "body", "kind", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_error_answers(status: int, body: Any, kind: type[StatusError], text: str, view: View, cut: int | None) -> None:
    quirk = Quirk("error", whole(body).body, error=kind, status=status, headers={**JSON, "x-request-id": "r-7"})
    outcome = outcome_of(quirk, cut, view)
    assert type(outcome.error) is kind
    assert text in str(outcome.error)
    assert isinstance(outcome.error, StatusError)
    assert (outcome.error.status, outcome.error.request_id) == (status, "r-7")


@pytest.mark.parametrize("view", VIEWS)
def test_q53_a_call_that_the_server_could_not_read_is_asked_again(view: View) -> None:
    body = {"error": {"message": "m", "code": "tool_use_failed", "failed_generation": "<function=add{"}}
    outcome = outcome_of(Quirk("Q53", whole(body).body, status=400, headers=JSON), None, view)
    assert outcome.text == "done"
    assert "could not be read" in outcome.requests[1].json["messages"][-1]["content"]
    assert sse(DONE).body == DONE
