"""Arguments as no model should write them: nothing crashes, and no tool runs on what is not one JSON object (F7)."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentkit import Agent, ScriptedModel, ToolError, tool
from tests.invariants import check_invariants

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
TEXTS = st.builds(
    json.dumps, VALUES | st.dictionaries(st.text(max_size=4), VALUES, max_size=4), ensure_ascii=st.booleans()
)
WORDS = ["```", "```json\n", "\\ud800", "1e999", "{}", '{"a":1}', "NaN", "true"]
NOISE = st.sampled_from(WORDS) | st.sampled_from("{}[]\",:\\0-eE. \n\x00'`/")


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """JSON text with pieces cut out, put in and put twice."""
    text = draw(TEXTS)
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 5)))
        text = text[:begin] + draw(st.sampled_from(["", text[begin:end] * 2]) | NOISE) + text[end:]
    return text.encode(errors="replace").decode()  # half of a surrogate pair comes over no wire


@tool
def anything(**values: Any) -> str:
    """Takes whatever it is given."""
    seen.append(values)
    return "taken"


seen: list[dict[str, Any]] = []


def spelt(text: str) -> Any:
    """What a text spells by the standard library, after the mendings that lose nothing; None when it spells nothing."""
    if not text.strip():
        return {}
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```"):
        text = stripped[3:-3].partition("\n")[2]
    try:
        value = json.loads(text)
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None


def same(one: Any, other: Any) -> bool:
    """Equal, and of equal kinds: true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(damaged() | st.text(max_size=40))
def test_a_tool_runs_on_exactly_what_the_text_spells_or_not_at_all(text: str) -> None:
    seen.clear()
    result = Agent(ScriptedModel([[("anything", text)], "done"]), tools=[anything]).run_sync("go")
    check_invariants(result)
    assert result.output == "done"
    assert len(seen) <= 1
    if seen:
        assert isinstance(spelt(text), dict)
        assert same(seen[0], spelt(text))


@given(damaged())
def test_canonical_arguments_mean_the_same_and_stay_as_they_are(text: str) -> None:
    try:
        arguments = anything.validate(text)
    except ToolError:
        return
    again = anything.validate(arguments.json)
    assert (again.values, again.json, again.repairs) == (arguments.values, arguments.json, ())
    assert same(json.loads(arguments.json), spelt(text))


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), VALUES, max_size=4))
def test_every_object_that_json_can_hold_is_taken(data: dict[str, Any]) -> None:
    if holds_only_json(data):
        assert same(anything.validate(json.dumps(data)).values, data)


def holds_only_json(value: Any) -> bool:
    if isinstance(value, dict | list):
        items = [*value, *value.values()] if isinstance(value, dict) else value
        return all(holds_only_json(item) for item in items)
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return not isinstance(value, float) or math.isfinite(value)
