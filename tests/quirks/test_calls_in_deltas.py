"""Tool calls in streams, as providers really send them (ROBUSTNESS Q1 to Q22)."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from agentkit import Agent, RemoteModel
from tests.loopback import serve, sse

from .quirk import DONE, Outcome, Quirk, View, call, check, delta, end, event, outcome_of, rows, tools

ONE, TWO = '{"a":1,"b":2}', '{"a":3,"b":4}'
ADD = ("add", {"a": 1, "b": 2})
ADD_TWO = ("add", {"a": 3, "b": 4})
PING = ("ping", {})


def _ids(*wanted: str) -> Any:
    return lambda outcome: [c["id"] for c in outcome.sent_back["tool_calls"]] == list(wanted)


def _sent_arguments(*wanted: str) -> Any:
    return lambda outcome: [c["function"]["arguments"] for c in outcome.sent_back["tool_calls"]] == list(wanted)


def _names(*wanted: str) -> Any:
    return lambda outcome: [c["function"]["name"] for c in outcome.sent_back["tool_calls"]] == list(wanted)


def _refused(outcome: Outcome) -> bool:
    return "the arguments are empty" in outcome.told[0]


DELTAS = (
    Quirk("Q1-one-call-without-index", delta(call("add", ONE, id="x1")) + end(), (ADD,), also=_ids("x1")),
    Quirk(
        "Q1-pieces-without-index",
        delta(call("add", "", id="x1")) + delta(call(arguments='{"a":1,')) + delta(call(arguments='"b":2}')) + end(),
        (ADD,),
    ),
    Quirk(
        "Q2-two-ids-without-index",
        delta(call("add", ONE, id="x1")) + delta(call("add", TWO, id="x2")) + end(),
        (ADD, ADD_TWO),
        also=_ids("x1", "x2"),
    ),
    Quirk(
        "Q3-two-whole-calls-at-index-0",
        delta(call("add", ONE, id="x1", index=0)) + delta(call("add", TWO, id="x2", index=0)) + end(),
        (ADD, ADD_TWO),
        also=_ids("x1", "x2"),
    ),
    Quirk(
        "Q3-both-in-one-chunk",
        delta(call("add", ONE, id="x1", index=0), call("add", TWO, id="x2", index=0)) + end(),
        (ADD, ADD_TWO),
    ),
    Quirk(
        "Q4-arguments-later-at-index-0",
        delta(call("add", "", id="x1", index=0))
        + delta(call(arguments=ONE, index=0))
        + delta(call("add", "", id="x2", index=0))
        + delta(call(arguments=TWO, index=0))
        + end(),
        (ADD, ADD_TWO),
    ),
    Quirk("Q5-no-id", delta(call("add", ONE, index=0)) + end(), (ADD,)),
    Quirk(
        "Q5-two-without-ids",
        delta(call("add", ONE, index=0)) + delta(call("add", TWO, index=1)) + end(),
        (ADD, ADD_TWO),
    ),
    Quirk(
        "Q6-empty-id-and-name-later",
        delta(call("add", '{"a":1,', id="x1", index=0)) + delta(call("", '"b":2}', id="", index=0)) + end(),
        (ADD,),
        also=_ids("x1"),
    ),
    Quirk(
        "Q7-id-and-name-in-every-chunk",
        delta(call("add", '{"a":1,', id="x1", index=0))
        + delta(call("add", '"b":', id="x1", index=0))
        + delta(call("add", "2}", id="x1", index=0))
        + end(),
        (ADD,),
        also=_names("add"),
    ),
    Quirk(
        "Q8-id-changes-inside-a-call",
        delta(call("add", '{"a":1,', id="x1", index=0)) + delta(call(arguments='"b":2}', id="x9", index=0)) + end(),
        (ADD,),
        also=_ids("x1"),
    ),
    Quirk(
        "Q9-id-later",
        delta(call("add", '{"a":1,', index=0)) + delta(call(arguments='"b":2}', id="x1", index=0)) + end(),
        (ADD,),
        also=_ids("x1"),
    ),
    Quirk(
        "Q10-arguments-are-an-object",
        delta(call("add", {"a": 1, "b": 2}, id="x1", index=0)) + end(),
        (ADD,),
        also=_sent_arguments(ONE),
    ),
    Quirk(
        "Q11-arguments-null-first",
        delta({"index": 0, "id": "x1", "function": {"name": "add", "arguments": None}})
        + delta(call(arguments=ONE, index=0))
        + end(),
        (ADD,),
    ),
    Quirk(
        "Q12-empty-arguments",
        delta(call("ping", "", id="x1", index=0)) + end(),
        (PING,),
        also=_sent_arguments("{}"),
    ),
    Quirk("Q12-empty-though-required", delta(call("add", "", id="x1", index=0)) + end(), (), also=_refused),
    Quirk("Q13-whole-call-in-one-chunk", delta(call("add", ONE, id="x1", index=0), reason="tool_calls") + DONE, (ADD,)),
    Quirk(
        "Q14-interleaved",
        delta(call("add", '{"a":1,', id="x1", index=0))
        + delta(call("add", '{"a":3,', id="x2", index=1))
        + delta(call(arguments='"b":2}', index=0))
        + delta(call(arguments='"b":4}', index=1))
        + end(),
        (ADD, ADD_TWO),
        also=_sent_arguments(ONE, TWO),
    ),
    Quirk(
        "Q15-first-index-is-1",
        delta(content="Well.") + delta(call("add", "", id="x1", index=1)) + delta(call(arguments=ONE, index=1)) + end(),
        (ADD,),
        also=lambda outcome: outcome.sent_back["content"] == "Well.",
    ),
    Quirk(
        "Q16-one-id-twice",
        delta(call("add", ONE, id="x1", index=0)) + delta(call("add", TWO, id="x1", index=1)) + end(),
        (ADD, ADD_TWO),
        also=_sent_arguments(ONE, TWO),
    ),
    Quirk(
        "Q18-message-instead-of-delta",
        event(
            {
                "choices": [
                    {"index": 0, "message": {"tool_calls": [call("add", ONE, id="x1")]}, "finish_reason": "tool_calls"}
                ]
            }
        )
        + DONE,
        (ADD,),
    ),
    Quirk(
        "Q18-null-delta-and-no-calls",
        event({"choices": [{"index": 0, "delta": None}]})
        + delta(content="hello", tool_calls=[])
        + delta(tool_calls=None)
        + end("stop"),
        text="hello",
    ),
    Quirk(
        "Q19-two-finish-reasons",
        delta(call("add", ONE, id="x1", index=0))
        + delta(reason="tool_calls")
        + event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}], "usage": {"total_tokens": 9}})
        + DONE,
        (ADD,),
        also=lambda outcome: outcome.usage.total_tokens == 9,
    ),
    Quirk(
        "Q20-name-after-arguments",
        delta(call(arguments='{"a":1,', id="x1", index=0))
        + delta(call(arguments='"b":2}', index=0))
        + delta(call("add", index=0))
        + end(),
        (ADD,),
    ),
    Quirk(
        "Q21-a-type-nobody-knows",
        delta({"index": 0, "id": "x1", "type": "tool", "function": {"name": "add", "arguments": ONE}}) + end(),
        (ADD,),
    ),
    Quirk(
        "Q80-empty-is-absent",
        delta(content="hi", function_call={"name": "", "arguments": ""}, refusal="", audio={"id": ""}) + end("stop"),
        text="hi",
    ),
    Quirk(
        "deprecated-function-call",
        delta(function_call={"name": "add", "arguments": '{"a":1,'})
        + delta(function_call={"arguments": '"b":2}'})
        + end("function_call"),
        (ADD,),
        also=lambda outcome: "function_call" not in outcome.sent_back,
    ),
)


@rows(*DELTAS)
def test_calls_in_deltas(quirk: Quirk, cut: int | None, view: View) -> None:
    check(quirk, cut, view)


CUSTOM = Quirk(
    "Q21-custom-call",
    delta({"index": 0, "id": "x1", "type": "custom", "custom": {"name": "shell", "input": "l"}})
    + delta({"index": 0, "custom": {"input": "s"}})
    + end(),
)


@pytest.mark.parametrize("cut", [1, 7, None])
def test_q21_a_custom_call_that_was_not_offered_is_answered_and_never_run(cut: int | None) -> None:
    outcome = outcome_of(CUSTOM, cut, "asyncio")
    assert outcome.text == "done"
    assert outcome.sent_back["tool_calls"][0]["custom"] == {"name": "shell", "input": "ls"}
    assert outcome.told == ["calls of type 'custom' cannot be run; call a function"]


def test_q17_ids_that_repeat_across_turns_pair_within_their_message() -> None:
    def turn(arguments: str) -> Any:
        return sse(delta(call("add", arguments, id="functions.add:0", index=0)) + end())

    ran: list[tuple[str, dict[str, Any]]] = []
    with serve([turn(ONE), turn(TWO), sse(delta(content="done") + end("stop"))]) as server:

        async def main() -> None:
            async with Agent(RemoteModel("m", base_url=server.base_url), tools=tools(ran)).stream("go") as run:
                await run.finish()

        anyio.run(main)
        messages = server.requests[2].json["messages"]
    assert ran == [ADD, ADD_TWO]
    assert [m["content"] for m in messages if m["role"] == "tool"] == ["3", "7"]


@pytest.mark.parametrize(
    "text",
    ['<tool_call>{"name":"add","arguments":' + ONE + "}</tool_call>", "[TOOL_CALLS]add" + ONE, "<|tool_call>add" + ONE],
)
def test_q22_a_call_written_as_text_is_text_with_a_warning_and_never_run(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    leak = Quirk("Q22", delta(content=text) + end("stop"), text=text)
    check(leak, 7, "asyncio")
    assert [r.message.split(":")[0] for r in caplog.records if r.levelname == "WARNING"] == ["looks_like_tool_call"]
