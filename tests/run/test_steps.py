"""What happens next is a pure function: a table of journals and the step that follows each."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import Limits, RunState, ScriptedModel, tool
from agentkit.chat import ResponseMessage, UserMessage
from agentkit.journal import (
    Admitted,
    Completion,
    Decision,
    Ended,
    Entry,
    Input,
    Result,
    Started,
    Told,
)
from agentkit.run import AgentSpec, Team, next_step
from agentkit.tools import Tool


@tool
def pay(amount: int) -> str:
    """Pay."""
    return "paid"


TEAM = Team(AgentSpec(ScriptedModel([]), tools=(Tool.of(pay),)), Limits(turns=2))
INPUT = Input("r", "agent", (UserMessage(content="go"),))


def calls(*arguments: str) -> Completion:
    rows = [
        {"id": f"c{n}", "type": "function", "function": {"name": "pay", "arguments": text}}
        for n, text in enumerate(arguments)
    ]
    return Completion(ResponseMessage.model_validate({"role": "assistant", "content": None, "tool_calls": rows}))


def says(text: str) -> Completion:
    return Completion(ResponseMessage.model_validate({"role": "assistant", "content": text}), "stop")


def admitted(ref: str, **more: Any) -> Admitted:
    return Admitted(ref, '{"amount":1}', "write", **more)


ASKED = (INPUT, calls('{"amount": 1}'))
TABLE: list[tuple[str, tuple[Entry, ...], str]] = [
    ("an input is asked", (INPUT,), "Ask"),
    ("a text is the end", (INPUT, says("hi")), "Finish"),
    ("a proposed call is admitted", ASKED, "CallTools"),
    ("an admitted call runs", (*ASKED, admitted("0.0")), "CallTools"),
    ("a call that wants approval waits", (*ASKED, admitted("0.0", wants="approval")), "Pause"),
    ("an external call waits", (*ASKED, admitted("0.0", wants="external")), "Pause"),
    ("an approved call runs", (*ASKED, admitted("0.0", wants="approval"), Decision("0.0", "approve")), "CallTools"),
    ("a denied call is settled", (*ASKED, admitted("0.0", wants="approval"), Decision("0.0", "deny")), "Ask"),
    ("a started write without a result is unknown", (*ASKED, admitted("0.0"), Started("0.0")), "Pause"),
    (
        "an unknown call that is retried runs",
        (*ASKED, admitted("0.0"), Started("0.0"), Decision("0.0", "retry")),
        "CallTools",
    ),
    (
        "an unknown call the model is told of",
        (*ASKED, admitted("0.0"), Started("0.0"), Decision("0.0", "tell_model")),
        "Ask",
    ),
    ("results are shown to the model", (*ASKED, admitted("0.0"), Started("0.0"), Result("0.0", "ok", "paid")), "Ask"),
    (
        "the turn limit stops",
        (*ASKED, admitted("0.0"), Result("0.0", "ok", "a"), calls("{}"), Result("1.0", "ok", "b")),
        "Stop",
    ),
    ("a repair is asked", (INPUT, says("no"), Told("repair", "mend it")), "Ask"),
    ("an ended run stays done", (INPUT, says("hi"), Ended()), "Finish"),
]


@pytest.mark.parametrize(("entries", "step"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_next_step_follows_from_the_journal_alone(entries: tuple[Entry, ...], step: str) -> None:
    state = RunState.folded("j", entries)
    assert type(next_step(state, TEAM)).__name__ == step
    again = RunState.model_validate_json(state.model_dump_json())
    assert next_step(again, TEAM) == next_step(state, TEAM) or step in ("CallTools", "Stop")


def test_one_waiting_call_does_not_hold_up_the_ready_ones() -> None:
    entries = (INPUT, calls('{"amount": 1}', '{"amount": 2}'), admitted("0.0", wants="approval"), admitted("0.1"))
    state = RunState.folded("j", entries)
    step = next_step(state, TEAM)
    assert [call.ref for call in step.calls] == ["0.1"]  # type: ignore[union-attr]
    assert [waiting.call for waiting in state.waiting] == ["0.0"]


def test_a_new_input_settles_what_is_open() -> None:
    entries = (*ASKED, admitted("0.0"), Started("0.0"), INPUT)
    state = RunState.folded("j", entries)
    assert [m.role for m in state.messages] == ["user", "assistant", "tool", "user"]
    assert str(state.messages[2].content).startswith("unknown")


def test_states_share_their_past_and_never_change() -> None:
    first = RunState.folded("j", (INPUT,))
    left, right = first.apply(says("left")), first.apply(says("right"))
    assert [m.content for m in left.messages] == ["go", "left"]
    assert [m.content for m in right.messages] == ["go", "right"]
    assert [m.content for m in first.messages] == ["go"]
