"""Several choices (n > 1), which of them goes on, and how sure the model was."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit import Agent, ConfigurationError, FunctionModel, OutputTruncated, Settings, tool
from agentkit.chat import ChatCompletion, Choice

pytestmark = pytest.mark.anyio


def answers(*texts: str, logprobs: Sequence[float | None] = (), reasons: Sequence[str] = ()) -> ChatCompletion:
    """One completion with several texts; a log probability is that of each character of its text."""
    choices: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        value = logprobs[index] if logprobs else None
        rows = [{"token": c, "logprob": value, "bytes": list(c.encode()), "top_logprobs": []} for c in text]
        reason = reasons[index] if reasons else "stop"
        message = {"role": "assistant", "content": text}
        found = None if value is None else {"content": rows, "refusal": None}
        choices.append({"index": index, "message": message, "finish_reason": reason, "logprobs": found})
    return ChatCompletion.model_validate({"choices": choices})


def model(completion: ChatCompletion) -> FunctionModel:
    return FunctionModel(lambda request: completion)


@pytest.mark.parametrize(
    ("choose", "picked"),
    [("first", "no"), ("most_confident", "maybe"), ("majority", "yes"), (lambda choices: choices[-1], "yes")],
    ids=["first", "most_confident", "majority", "function"],
)
async def test_one_of_several_choices_goes_on(choose: Any, picked: str) -> None:
    completion = answers("no", "yes", "maybe", "yes", logprobs=[-1.0, -0.5, -0.1, -0.9])
    agent = Agent(model(completion), settings=Settings(n=4), choose=choose)
    result = await agent.run("?")
    assert result.output == picked
    assert len(result.completions[0].choices) == 4
    assert [m.role for m in result.messages] == ["user", "assistant"]


async def test_a_choice_that_was_cut_is_left_out_and_all_cut_is_an_error() -> None:
    agent = Agent(model(answers("cut", "whole", reasons=["length", "stop"])), settings=Settings(n=2))
    assert (await agent.run("?")).output == "whole"
    with pytest.raises(OutputTruncated):
        await Agent(model(answers("a", "b", reasons=["length", "length"])), settings=Settings(n=2)).run("?")


async def test_majority_counts_calls_by_name_and_arguments() -> None:
    called: list[int] = []

    @tool
    def add(a: int) -> int:
        """Add."""
        called.append(a)
        return a

    def choice(index: int, arguments: str) -> dict[str, Any]:
        call = {"id": f"c{index}", "type": "function", "function": {"name": "add", "arguments": arguments}}
        return {"index": index, "message": {"role": "assistant", "content": None, "tool_calls": [call]}}

    asked = [choice(0, '{"a": 1}'), choice(1, '{"a":2}'), choice(2, '{ "a" : 2 }')]
    script = iter([ChatCompletion.model_validate({"choices": asked}), answers("done")])
    agent = Agent(FunctionModel(lambda request: next(script)), tools=[add], settings=Settings(n=3), choose="majority")
    assert (await agent.run("?")).output == "done"
    assert called == [2]


@pytest.mark.parametrize("choose", ["best", lambda choices: Choice.model_validate({"message": {"role": "assistant"}})])
async def test_a_chooser_that_cannot_choose_says_so(choose: Any) -> None:
    with pytest.raises(ConfigurationError, match="choose="):
        await Agent(model(answers("a", "b")), settings=Settings(n=2), choose=choose).run("?")


class Place(BaseModel):
    """Where."""

    city: str
    size: int


def spelled(*tokens: tuple[str, float]) -> ChatCompletion:
    rows = [{"token": text, "logprob": math.log(p), "bytes": list(text.encode())} for text, p in tokens]
    message = {"role": "assistant", "content": "".join(text for text, _ in tokens)}
    return ChatCompletion.model_validate(
        {"choices": [{"message": message, "finish_reason": "stop", "logprobs": {"content": rows}}]}
    )


async def test_the_confidence_of_a_field_is_that_of_the_tokens_that_spell_it() -> None:
    completion = spelled(
        ('{"city"', 1.0), (':"', 1.0), ("Par", 0.5), ("is", 0.5), ('","size":', 0.9), ("12", 0.25), ("}", 1.0)
    )
    result = await Agent(model(completion), output=Place, settings=Settings(logprobs=True)).run("?")
    confidence = result.confidence
    assert confidence is not None
    assert confidence.of("size") == pytest.approx(0.25)
    assert confidence.of("city") == pytest.approx(0.5 * 0.5 * 0.9)  # its quotes stand in the neighbouring tokens
    assert confidence.overall == pytest.approx((0.5 * 0.5 * 0.9 * 0.25) ** (1 / 7))
    with pytest.raises(ConfigurationError, match="no value at 'country'; there are: city, size"):
        confidence.of("country")


async def test_a_character_spread_over_tokens_does_not_shift_the_fields() -> None:
    owl = "🦉".encode()
    rows = [("{\"city\":\"", 1.0, None), ("\\xf0\\x9f", 0.5, owl[:2]), ("\\xa6\\x89", 0.5, owl[2:]), ('","size":', 1.0, None), ("7", 0.3, None), ("}", 1.0, None)]  # fmt: skip
    content = [{"token": t, "logprob": math.log(p), "bytes": list(raw or t.encode())} for t, p, raw in rows]
    message = {"role": "assistant", "content": '{"city":"🦉","size":7}'}
    completion = ChatCompletion.model_validate(
        {"choices": [{"message": message, "finish_reason": "stop", "logprobs": {"content": content}}]}
    )
    result = await Agent(model(completion), output=Place).run("?")
    assert result.confidence is not None
    assert result.confidence.text == '{"city":"🦉","size":7}'
    assert result.confidence.of("size") == pytest.approx(0.3)


async def test_wrapped_outputs_are_addressed_without_their_wrapping_and_no_logprobs_give_none() -> None:
    completion = spelled(('{"result":[', 1.0), ("4", 0.5), (",", 1.0), ("5", 0.25), ("]}", 1.0))
    result = await Agent(model(completion), output=list[int]).run("?")
    assert result.output == [4, 5]
    assert result.confidence is not None
    assert (result.confidence.of("0"), result.confidence.of("1")) == (pytest.approx(0.5), pytest.approx(0.25))
    assert (await Agent(model(answers("hi"))).run("?")).confidence is None
