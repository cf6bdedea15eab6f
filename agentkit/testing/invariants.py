"""What holds of every run, whatever happened to it (ROBUSTNESS I1 to I6, I8, I10, I14)."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import agentkit.errors
from agentkit.chat import AssistantMessage, Message, ToolMessage
from agentkit.errors import AgentKitError
from agentkit.journal import Admitted, Decision, RunState, Started
from agentkit.run.events import Event, Restarted, RunFinished, RunStarted, TextDelta, ToolFinished, ToolStarted
from agentkit.run.result import RunResult

from .server import FakeServer
from .strict import strict_problem


def check_invariants(
    of: RunState | RunResult[Any] | AgentKitError,
    *,
    events: Sequence[Event] = (),
    server: FakeServer | None = None,
    secrets: Iterable[str] = (),
) -> None:
    """Raise AssertionError unless a state, a result or an error of a run holds what agentkit promises.

    Each tool call has exactly one tool message, directly after its message, in call order; a strict server would take
    the history; no write was started twice, or started and then told as not run; the state reads back from its JSON
    as it was. events: all that the run told, where each call that started ends once and the pieces of text are the
    answer. server: all that it billed is in the usage of this run. secrets: no trace of them in state or error.
    """
    state = of if isinstance(of, RunState) else of.state if isinstance(of, RunResult) else RunState.of(of)
    _check_history(state.messages)
    _check_writes(state)
    _check_reading(state)
    _check_events(list(events), state)
    if server is not None:
        _check_usage(state, server)
    if isinstance(of, AgentKitError):
        kinds = [kind for kind in type(of).__mro__ if getattr(agentkit.errors, kind.__name__, None) is kind]
        _hold(kinds[0] is not AgentKitError, f"{type(of).__name__} is under no error of the documented tree")
    told = state.model_dump_json() + (_told(of) if isinstance(of, AgentKitError) else repr(of))
    for secret in secrets:
        _hold(secret not in told, "a secret is told by the state or the error")


def _check_history(messages: Sequence[Message]) -> None:
    """I1 to I3."""
    answered = 0
    for position, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            ids = [call.id for call in message.calls]
            replies = messages[position + 1 : position + 1 + len(ids)]
            found = [reply.tool_call_id if isinstance(reply, ToolMessage) else reply.role for reply in replies]
            _hold(found == ids, f"the calls {ids} are followed by {found}")
            answered += len(ids)
    results = sum(isinstance(message, ToolMessage) for message in messages)
    _hold(results == answered, f"{results} tool messages answer {answered} calls")
    sent = [message.to_json() for message in messages]
    problem = strict_problem({"model": "m", "messages": sent}) if sent else None
    _hold(problem is None, f"a strict server would refuse the history: {problem}")


def _check_writes(state: RunState) -> None:
    """I4 and I5, as far as the journal shows them."""
    writes, started, again = set[str](), set[str](), set[str]()
    for entry in state.entries:
        if isinstance(entry, Admitted) and entry.effect == "write":
            writes.add(entry.call)
        elif isinstance(entry, Decision) and entry.verdict == "retry":
            again.add(entry.call)
        elif isinstance(entry, Started) and entry.call in writes:
            _hold(entry.call not in started or entry.call in again, f"the write call {entry.call} was started twice")
            started.add(entry.call)
            again.discard(entry.call)
    for call in state.calls.values():
        denied = call.ref in started and call.content.startswith("cancelled")
        _hold(not denied, f"the write call {call.ref} was started, and is told as cancelled")


def _check_reading(state: RunState) -> None:
    """I14: a state that went through JSON is the same."""
    again = RunState.model_validate_json(state.model_dump_json())
    sent = [[message.to_json() for message in each.messages] for each in (state, again)]
    _hold(sent[0] == sent[1], "the state does not read back as it was: messages")
    for name in ("waiting", "usage", "ended", "turns", "failures"):
        same = getattr(again, name) == getattr(state, name)
        _hold(same, f"the state does not read back as it was: {name}")


def _check_events(events: list[Event], state: RunState) -> None:
    """I10."""
    text: dict[int, str] = {}
    running, over = set[str](), set[str]()
    for position, event in enumerate(events):
        _hold(isinstance(event, RunStarted) == (position == 0), f"event {position} is {type(event).__name__}")
        if isinstance(event, TextDelta):
            text[event.choice] = text.get(event.choice, "") + event.text
        elif isinstance(event, ToolStarted):
            _hold(event.call.id not in running | over, f"call {event.call.id} was told to start twice")
            running.add(event.call.id)
        elif isinstance(event, ToolFinished):
            _hold(event.call.id not in over, f"call {event.call.id} was told to end twice")
            running.discard(event.call.id)
            over.add(event.call.id)
            text = {}
        elif isinstance(event, Restarted):  # what began with the message is dropped
            text, running = {}, set[str]()
    last = events[-1] if events else None
    if isinstance(last, RunFinished) and last.status == "done":
        _hold(not running, f"the calls {sorted(running)} were told to start, and never to end")
        final = state.final.text if state.final is not None else ""
        _hold(not text or final in text.values(), f"the pieces of text are {text}, the answer is {final!r}")


def _check_usage(state: RunState, server: FakeServer) -> None:
    """I6."""
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        billed, known = getattr(server.billed, name), getattr(state.usage, name)
        _hold(billed == known, f"the server billed {billed} {name}, the run counts {known}")


def _told(error: BaseException) -> str:
    """All that an error and its causes tell (I8)."""
    told, at = "".join(traceback.format_exception(error)), error
    while at.__cause__ is not None:
        at = at.__cause__
    return told + repr(error) + repr(at) + pickle.dumps((error.args, at.args)).decode("latin-1")


def _hold(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)
