"""The accumulator: however a message is cut into chunks, the whole comes out as the unstreamed call gives it."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import OrderedDict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentkit import ModelError
from agentkit.chat import PartialCompletion, read_completion

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAME = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAME, TEXT | st.integers() | st.booleans(), max_size=3).map(json.dumps)
LOGPROB = st.fixed_dictionaries(
    {"token": TEXT, "logprob": st.floats(-9, 0), "bytes": st.none(), "top_logprobs": st.just([])}
)


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """One choice as the unstreamed answer has it."""
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(draw(st.lists(st.tuples(NAME, ARGUMENTS), max_size=3)))
    ]
    content = draw(TEXT if not calls else TEXT.filter(bool) | st.none())
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": draw(TEXT.filter(bool) | st.none())}
    if calls:
        message["tool_calls"] = calls
    if not message["content"] and (calls or message["refusal"]):
        message["content"] = None
    reasoning = draw(TEXT)
    if reasoning:
        message["reasoning_content"] = reasoning
    rows = draw(st.none() | st.lists(LOGPROB, min_size=1, max_size=3))
    return {
        "message": message,
        "logprobs": None if rows is None else {"content": rows, "refusal": None},
        "finish_reason": "tool_calls" if calls else "stop",
    }


def _cut(draw: st.DrawFn, text: str) -> list[str]:
    points = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)) | {0, len(text)})
    return [text[a:b] for a, b in itertools.pairwise(points)] or [""]


@st.composite
def cut_up(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A completion, and chunks that spell it: choices interleaved, each field cut anywhere."""
    choices = [{"index": n, **choice} for n, choice in enumerate(draw(st.lists(messages(), min_size=1, max_size=3)))]
    usage = draw(st.none() | st.just({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}))
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    whole = {**head, "choices": choices} | ({} if usage is None else {"usage": usage})
    lanes: list[list[dict[str, Any]]] = []
    for choice in choices:
        message, index = choice["message"], choice["index"]
        deltas: list[dict[str, Any]] = [{"role": "assistant"}]
        for key in ("reasoning_content", "content", "refusal"):
            deltas += [{key: piece} for piece in _cut(draw, message.get(key) or "")]
        for n, call in enumerate(message.get("tool_calls") or ()):
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            first, *rest = _cut(draw, arguments)
            deltas.append(
                {
                    "tool_calls": [
                        {
                            "index": n,
                            "id": call["id"],
                            "type": "function",
                            "function": {"name": name, "arguments": first},
                        }
                    ]
                }
            )
            deltas += [{"tool_calls": [{"index": n, "function": {"arguments": piece}}]} for piece in rest]
        lane = [{"index": index, "delta": delta, "finish_reason": None} for delta in deltas]
        for row in (choice["logprobs"] or {}).get("content") or ():
            lane.append(
                {"index": index, "delta": {}, "logprobs": {"content": [row], "refusal": None}, "finish_reason": None}
            )
        lanes.append([*lane, {"index": index, "delta": {}, "finish_reason": choice["finish_reason"]}])
    chunks: list[dict[str, Any]] = []
    while any(lanes):
        lane = draw(st.sampled_from([lane for lane in lanes if lane]))
        chunks.append({**head, "object": "chat.completion.chunk", "choices": [lane.pop(0)]})
    if usage is not None:
        chunks.append({**head, "choices": [], "usage": usage})
    return whole, chunks


@given(cut_up())
def test_any_cut_of_a_completion_adds_up_to_it(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    whole, chunks = case
    partial = PartialCompletion(len(whole["choices"]))
    told = ""
    for chunk in chunks:
        partial.add(json.loads(json.dumps(chunk)))
        told += "".join(text for kind, text, choice in partial.deltas if kind == "content" and choice == 0)
    partial.done()
    assert partial.completion().to_json() == read_completion(json.loads(json.dumps(whole))).to_json()
    assert told == (whole["choices"][0]["message"]["content"] or "")


def test_chunks_of_a_parser_with_dicts_of_its_own_add_up_too() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}
    delta = {"content": "hi", "tool_calls": [call]}
    chunk = {"id": "x", "model": "m", "created": 1, "choices": [{"delta": delta, "finish_reason": "tool_calls"}]}
    whole: list[Any] = []
    for hook in (None, OrderedDict):
        partial = PartialCompletion()
        partial.add(json.loads(json.dumps(chunk), object_pairs_hook=hook))
        whole.append(partial.completion().to_json())
    assert whole[0] == whole[1]
    assert whole[1]["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look"


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "id", "error", "delta"]), st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["delta", "index", "message", "content", "tool_calls", "function", "arguments", "name", "id", "finish_reason", "logprobs", "usage"]), v, max_size=3), max_leaves=12)), max_size=4))  # fmt: skip
def test_no_nonsense_of_a_server_breaks_the_accumulator(chunks: list[dict[str, Any]]) -> None:
    for chunk in chunks:
        with contextlib.suppress(ModelError):
            read_completion(json.loads(json.dumps(chunk)))
    partial = PartialCompletion()
    with contextlib.suppress(ModelError):
        for chunk in chunks:
            partial.add(chunk)
        partial.done()
        partial.completion()
