"""Finish reasons, choices, usage and the envelope, as providers really send them (ROBUSTNESS Q23 to Q40)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit import (
    ContentFiltered,
    ModelError,
    ModelRefused,
    OutputTruncated,
    ProtocolError,
    Settings,
    StreamInterrupted,
    StreamTruncated,
)

from .quirk import DONE, Quirk, View, call, check, delta, end, event, outcome_of, rows

ONE = '{"a":1,"b":2}'
ADD = ("add", {"a": 1, "b": 2})
CALL = delta(call("add", ONE, id="x1", index=0))
OPEN = delta(call("add", '{"a":1,', id="x1", index=0))
JSON = {"content-type": "application/json"}


def usage(prompt: Any, completion: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def answer(message: Any = None, reason: Any = "stop", **fields: Any) -> bytes:
    """A whole answer, unstreamed."""
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": reason}], **fields}).encode()


STREAMED = (
    Quirk("Q23-stop-with-calls", CALL + end("stop"), (ADD,)),
    Quirk("Q24-announced-calls-and-text", delta(content="hi") + end("tool_calls"), text="hi"),
    Quirk("Q24-announced-calls-and-nothing", end("tool_calls"), error=ProtocolError),
    Quirk("Q25-no-finish-reason-but-done", delta(content="hi") + DONE, text="hi"),
    Quirk("Q25-no-finish-reason-but-done-with-call", CALL + DONE, (ADD,)),
    Quirk("Q26-neither-with-text", delta(content="hi"), error=StreamTruncated),
    Quirk("Q26-neither-with-call", CALL, error=StreamTruncated),
    Quirk("Q26-cut-connection-with-call", CALL, error=StreamInterrupted, ending="cut"),
    Quirk("Q26-closed-connection-with-call", CALL, error=StreamTruncated, ending="close"),
    *(
        Quirk(f"Q27-{reason}", delta(content="hi") + end(reason), text="hi")
        for reason in ("eos", "eos_token", "end_turn", "function_call")
    ),
    Quirk("Q28-length-with-open-arguments", OPEN + end("length"), error=OutputTruncated),
    Quirk("Q28-length-with-text", delta(content="half a sent") + end("length"), error=OutputTruncated),
    Quirk(
        "Q29-tool-calls-though-cut-at-the-limit",
        OPEN + event({"choices": [], "usage": usage(10, 16)}) + end("tool_calls"),
        error=OutputTruncated,
        settings=Settings(max_completion_tokens=16),
    ),
    Quirk(
        "Q29-broken-arguments-below-the-limit",
        OPEN + event({"choices": [], "usage": usage(10, 15)}) + end("tool_calls"),
        settings=Settings(max_completion_tokens=16),
        also=lambda outcome: outcome.sent_back["tool_calls"][0]["function"]["arguments"] == "{}",
    ),
    Quirk("Q30-content-filter-with-a-call", delta(content="so") + OPEN + end("content_filter"), error=ContentFiltered),
    Quirk(
        "Q31-a-first-chunk-without-choices",
        event({"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]})
        + CALL
        + end(),
        (ADD,),
    ),
    Quirk(
        "Q33-usage-after-the-finish",
        CALL + delta(reason="tool_calls") + event({"choices": [], "usage": usage(10, 20)}) + DONE,
        (ADD,),
        also=lambda outcome: outcome.usage.total_tokens == 30,
    ),
    Quirk(
        "Q34-usage-in-every-chunk",
        b"".join(
            event({"choices": [{"index": 0, "delta": {"content": text}}], "usage": usage(10, n)})
            for n, text in enumerate("abcd")
        )
        + end("stop"),
        text="abcd",
        also=lambda outcome: (outcome.usage.prompt_tokens, outcome.usage.completion_tokens) == (10, 3),
    ),
    Quirk(
        "Q35-no-usage-is-unknown",
        delta(content="hi") + end("stop"),
        text="hi",
        also=lambda outcome: (outcome.usage.total_tokens, outcome.usage.requests_unknown) == (0, 1),
    ),
    Quirk(
        "Q35-empty-usage-is-unknown",
        delta(content="hi") + event({"choices": [], "usage": {}}) + end("stop"),
        text="hi",
        also=lambda outcome: outcome.usage.requests_unknown == 1,
    ),
    Quirk(
        "Q35-floats-and-further-counts",
        delta(content="hi") + event({"choices": [], "usage": {**usage(1.0, 2.0), "speed": 9}}) + end("stop"),
        text="hi",
        also=lambda outcome: (outcome.usage.total_tokens, outcome.usage.requests_unknown) == (3, 0),
    ),
    Quirk(
        "Q37-no-id-and-a-float-created",
        event({"created": 1.5, "choices": [{"delta": {"tool_calls": [call("add", ONE)]}, "finish_reason": "stop"}]})
        + DONE,
        (ADD,),
    ),
    Quirk(
        "Q38-further-keys-and-no-finish-reason-key",
        event({"choices": [{"index": 0, "delta": {"content": "hi"}, "matched_stop": 2}], "provider": "p", "obfuscation": "x"})
        + end("stop"),
        text="hi",
    ),
    Quirk(
        "Q39-another-id-in-each-chunk-and-an-index-that-counts-up",
        b"".join(
            event({"id": f"c{n}", "choices": [{"index": n, "delta": {"content": text}}]}) for n, text in enumerate("abc")
        )
        + event({"id": "c9", "choices": [{"index": 9, "delta": {}, "finish_reason": "stop"}]})
        + DONE,
        text="abc",
    ),
    Quirk(
        "Q40-two-choices-by-their-index",
        b"".join(
            event({"choices": [{"index": index, "delta": {"content": text}}]})
            for index, text in ((1, "b1"), (0, "a1"), (1, "b2"), (0, "a2"))
        )
        + event({"choices": [{"index": n, "delta": {}, "finish_reason": "stop"} for n in (0, 1)]})
        + DONE,
        text="a1a2",
        settings=Settings(n=2),
        also=lambda outcome: [c.message.text for c in outcome.result.completions[0].choices] == ["a1a2", "b1b2"],
    ),
    Quirk("refusal", delta(refusal="I ") + delta(refusal="must not") + end("stop"), error=ModelRefused),
)  # fmt: skip

WHOLE = (
    Quirk("Q5-no-id", answer({"tool_calls": [call("add", ONE)]}, "tool_calls"), (ADD,)),
    Quirk("Q10-an-object", answer({"tool_calls": [call("add", {"a": 1, "b": 2}, id="x")]}), (ADD,)),
    Quirk("Q12-null-arguments", answer({"tool_calls": [{"id": "x", "function": {"name": "ping", "arguments": None}}]}), (("ping", {}),)),
    Quirk("Q16-one-id-twice", answer({"tool_calls": [call("add", ONE, id="x"), call("ping", "{}", id="x")]}), (ADD, ("ping", {}))),
    Quirk("Q18-delta-instead-of-message", json.dumps({"choices": [{"delta": {"content": "hi"}}]}).encode(), text="hi"),
    Quirk("Q23-stop-with-calls", answer({"content": None, "tool_calls": [call("add", ONE, id="x")]}, "stop"), (ADD,)),
    Quirk("Q24-nothing", answer({"content": None}, "tool_calls"), error=ProtocolError),
    Quirk("Q28-length", answer({"content": "", "tool_calls": [call("add", ONE[:5], id="x")]}, "length"), error=OutputTruncated),
    Quirk("Q30-content-filter", answer({"content": "so"}, "content_filter"), error=ContentFiltered),
    Quirk("Q32-null-choices", json.dumps({"id": None, "choices": None, "usage": None}).encode(), error=ProtocolError),
    Quirk("Q32-no-choices", b'{"choices":[]}', error=ProtocolError),
    Quirk("Q35-floats", answer({"content": "hi"}, usage=usage(1.0, 2.0)), text="hi", also=lambda o: o.usage.total_tokens == 3),
    Quirk("Q37-created-float", answer({"content": "hi"}, created=1.5), text="hi"),
    Quirk("Q80-empty-is-absent", answer({"content": "hi", "function_call": {"name": "", "arguments": ""}, "refusal": "", "audio": {"id": ""}}), text="hi"),
    Quirk("deprecated-function-call", answer({"content": None, "function_call": {"name": "add", "arguments": ONE}}, "function_call"), (ADD,)),
    Quirk("content-parts", answer({"content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}), text="hi"),
)  # fmt: skip


@rows(*STREAMED)
def test_streamed_answers(quirk: Quirk, cut: int | None, view: View) -> None:
    check(quirk, cut, view)


@rows(*(Quirk(q.id, q.raw, q.ran, q.text, q.error, q.also, streamed=False, headers=JSON) for q in WHOLE))
def test_whole_answers(quirk: Quirk, cut: int | None, view: View) -> None:
    check(quirk, cut, view)


@pytest.mark.parametrize("reason", ["error", "MALFORMED_FUNCTION_CALL"])
def test_q27_a_reason_that_tells_of_a_failure_runs_no_call(reason: str) -> None:
    outcome = outcome_of(Quirk("Q27", CALL + end(reason)), None, "asyncio")
    assert outcome.ran == []
    if reason == "error":
        assert isinstance(outcome.error, ModelError)
        assert len(outcome.requests) == 1
    else:  # asked once more, with the same messages
        assert outcome.text == "done"
        assert outcome.requests[0].json["messages"] == outcome.requests[1].json["messages"]


def test_q32_the_error_shows_what_came() -> None:
    outcome = outcome_of(
        Quirk("Q32", b'{"choices":null,"note":"quota of the day"}', streamed=False, headers=JSON), None, "asyncio"
    )
    assert "quota of the day" in str(outcome.error)
