"""Recorded traffic of 31 providers: each exchange is read as two independent readers read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit import AgentKitError, ChatCompletion
from agentkit.chat import PartialCompletion, read_completion
from agentkit.client import EventDecoder, status_error

CORPUS = Path(__file__).parents[1] / "data" / "corpus"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text().splitlines()]


EXPECTED = {row["id"]: row for row in rows("expected.jsonl")}
EXCHANGES = rows("exchanges.jsonl")


def read(exchange: dict[str, Any]) -> ChatCompletion:
    if exchange["status"] != 200:
        body = exchange.get("response_body") or exchange.get("sse_text") or ""
        raw = body if isinstance(body, str) else json.dumps(body)
        raise status_error(exchange["status"], exchange.get("response_headers") or {}, raw.encode())
    if exchange["kind"] == "sse":
        decoder, partial = EventDecoder(), PartialCompletion((exchange["request"] or {}).get("n"))
        raw = exchange["sse_text"].encode()
        for data in [*decoder.feed(raw), *decoder.flush()]:
            if data == b"[DONE]":
                partial.done()
            else:
                partial.add(json.loads(data))
        return partial.completion()
    body = exchange.get("response_body", exchange.get("response_text", ""))
    return read_completion(body if isinstance(body, dict) else str(body).encode())


@pytest.mark.parametrize("exchange", EXCHANGES, ids=[f"{e['id']}-{e['provider']}" for e in EXCHANGES])
def test_a_recorded_exchange_is_read_as_expected(exchange: dict[str, Any]) -> None:
    expected = EXPECTED.get(exchange["id"])
    if expected is None or expected.get("stream_error") or exchange["status"] != 200:
        with pytest.raises(AgentKitError):
            read(exchange)
        return
    completion = read(exchange)
    choice = completion.choices[0]
    message = choice.message
    assert message.text == (expected["content"] or "")
    calls = [{"id": c.id, "name": c.name, "arguments": c.text} for c in message.calls]
    wanted = expected["tool_calls"]
    if all(w["name"] for w in wanted):  # the readers knew no custom calls
        assert [(c["name"], c["arguments"]) for c in calls] == [(w["name"], w["arguments"] or "") for w in wanted]
    assert all(c["id"] == w["id"] for c, w in zip(calls, wanted, strict=True) if w["id"])
    assert choice.finish_reason == expected["finish_reason"]
    usage = completion.usage
    told = usage is not None and "total_tokens" in usage.model_fields_set
    assert (usage.total_tokens if usage is not None and told else None) == expected["usage_total"]
    if (
        expected["oracle"] == "agree" or expected["reasoning"]
    ):  # else reasoning came as content parts, and one left it out
        assert message.reasoning == (expected["reasoning"] or "")
