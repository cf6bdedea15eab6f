"""The model's message as it goes back, and usage as it adds up."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from agentkit.chat import CompletionUsage, ResponseMessage, Usage, sendable

IDS = st.sampled_from(["", "a", "call_0_0", "call_0_1", "call_0_2", "call_0_1_", "functions.f:0"])
NAMES = st.sampled_from(["f", "functions.f", "multi_tool_use.parallel", "", "n" * 70, "größe"])
TEXTS = st.sampled_from(["{}", '{"a":1}', "", "not JSON", "[1]", '{"a":', "null", "{}}"])


def message(calls: list[tuple[str, str, str]]) -> ResponseMessage:
    rows = [{"id": id, "type": "function", "function": {"name": name, "arguments": text}} for id, name, text in calls]
    return ResponseMessage.model_validate({"role": "assistant", "content": None, "tool_calls": rows, "reasoning": "so"})


@given(st.lists(st.tuples(IDS, NAMES, TEXTS), min_size=1, max_size=6))
def test_ids_are_unique_names_are_allowed_and_arguments_are_objects(calls: list[tuple[str, str, str]]) -> None:
    given_ = message(calls)
    sent = sendable(given_, 0)
    ids = [call.id for call in sent.calls]
    assert len(set(ids)) == len(ids) == len(calls)
    assert all(ids)
    for call, (_, name, text) in zip(sent.calls, calls, strict=True):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call.name)
        assert isinstance(json.loads(call.text), dict)
        if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            assert call.name == name
        if text in ("{}", '{"a":1}'):
            assert call.text == text
    written = [id for id, _, _ in calls]
    if len(set(written)) == len(written) and all(written):
        assert ids == written
    assert sendable(sent, 0) is sent
    assert sent.to_json()["reasoning"] == "so"


def test_a_message_without_fault_is_the_very_same_object() -> None:
    clean = message([("a", "f", "{}"), ("b", "f", '{"a":1}')])
    assert sendable(clean, 3) is clean
    text = ResponseMessage.model_validate({"role": "assistant", "content": "hi"})
    assert sendable(text, 3) is text


def test_usage_adds_up_and_what_was_not_told_is_not_zero() -> None:
    told = CompletionUsage.model_validate(
        {
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 1, "rejected_prediction_tokens": 3, "audio_tokens": 6},
        }
    )  # fmt: skip
    usage = Usage().plus(told).plus(None).plus(told)
    assert usage == Usage(3, 1, 20, 10, 30, 8, 4, 2, 12, 2, 6)
    assert usage - Usage().plus(None) == Usage().plus(told).plus(told)
    assert (
        Usage().plus(CompletionUsage.model_validate({"prompt_tokens": "3", "completion_tokens": 4.0})).total_tokens == 7
    )
