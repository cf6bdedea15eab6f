"""Valid deltas, cut and put together again in any way, give the same completion (F7)."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentkit.chat import PartialCompletion, read_completion
from tests.chat.test_accumulating import cut_up


def together(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any] | None:
    """One chunk for two, as a gateway that gathers deltas makes it; None when they do not fit."""
    if len(first["choices"]) != 1 or len(second["choices"]) != 1:
        return {**second, "choices": first["choices"] + second["choices"]}
    one, two = copy.deepcopy(first["choices"][0]), second["choices"][0]
    if one["index"] != two["index"]:
        return {**second, "choices": [one, two]}
    if one.get("logprobs") and two.get("logprobs"):
        return None
    for key, value in two["delta"].items():
        before = one["delta"].get(key)
        one["delta"][key] = value if before is None or key == "role" else before + value
    one |= {key: two[key] for key in ("logprobs", "finish_reason") if two.get(key)}
    return {**second, "choices": [one]}


@given(cut_up(), st.lists(st.booleans(), max_size=40))
def test_any_gathering_of_deltas_adds_up_to_the_same_completion(
    case: tuple[dict[str, Any], list[dict[str, Any]]], gather: list[bool]
) -> None:
    whole, chunks = case
    gathered = chunks[:1]
    for number, chunk in enumerate(chunks[1:]):
        both = together(gathered[-1], chunk) if number < len(gather) and gather[number] else None
        gathered = [*gathered[:-1], both] if both is not None else [*gathered, chunk]
    partial = PartialCompletion(len(whole["choices"]))
    for chunk in gathered:
        partial.add(copy.deepcopy(chunk))
    partial.done()
    assert partial.completion().to_json() == read_completion(copy.deepcopy(whole)).to_json()
