"""How each entry changes the state: one small function per entry type, applied to a fresh copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agentkit.chat import Message, Usage, UserMessage, sendable
from agentkit.errors import ConfigurationError

from .call import Call, Handed, Standing, replies
from .entry import (
    Admitted,
    AgentChanged,
    Attempted,
    Compacted,
    Completion,
    Decision,
    Ended,
    Input,
    Nested,
    Result,
    Resumed,
    Rewound,
    Started,
    Told,
)
from .trail import Trail

if TYPE_CHECKING:
    from .state import RunState


def fingerprint(calls: dict[str, Call]) -> tuple[tuple[str, str, str], ...]:
    """What a turn's calls asked and got: equal prints mean the model runs in a circle."""
    return tuple((call.name, call.text, call.content) for call in calls.values())


def _settle(state: RunState, *messages: Message) -> None:
    """Whoever adds a message closes the turn before: open calls are written down as cancelled or unknown."""
    if state.calls:
        print_ = fingerprint(state.calls)
        state.repeated = state.repeated + 1 if print_ == state.fingerprint else 1
        state.fingerprint = print_
        messages = (*replies(state.calls.values()), *messages)
        state.settled_calls, state.calls = state.calls, {}
    state.settled = state.settled.plus(*messages)


def _input(state: RunState, entry: Input) -> None:
    _settle(state)
    state.run_from = len(state.settled)
    state.settled = state.settled.plus(*entry.messages)
    state.run_id, state.agent = entry.run_id, entry.agent
    state.final, state.ended, state.stopped_by, state.concluding = None, False, "", ""
    state.turns = state.tool_calls = state.repairs = state.repeated = state.handoffs = 0
    state.handed = None
    state.usage, state.failures, state.fingerprint, state.standing = Usage(), {}, (), ()


def _completion(state: RunState, entry: Completion) -> None:
    message = sendable(entry.message, state.turn)
    _settle(state, message)
    calls: dict[str, Call] = {}
    for ordinal, (sent, asked) in enumerate(zip(message.calls, entry.message.calls, strict=True)):
        ref = f"{state.turn}.{ordinal}"
        calls[ref] = Call(ref, sent.id, asked.name, asked.text, state.agent, asked.type)
    state.calls, state.handed = calls, None
    state.final = None if calls and not state.concluding else entry.message
    state.turn += 1
    state.turns += 1
    state.tool_calls += len(calls)
    state.usage = spent(state.usage, entry)


def spent(before: Usage, entry: Completion | Attempted | Compacted) -> Usage:
    """The usage with what this entry cost."""
    if isinstance(entry, Compacted):
        return before if entry.usage is None else before.plus(entry.usage)
    after = before.plus(entry.usage) if isinstance(entry, Completion) or entry.sent else before
    return after + Usage(requests=entry.lost, requests_unknown=entry.lost) if entry.lost else after


def _attempted(state: RunState, entry: Attempted) -> None:
    state.usage = spent(state.usage, entry)
    if entry.repair:
        state.repairs += 1


def _change(state: RunState, ref: str, **changes: Any) -> Call:
    call = state.calls.get(ref)
    if call is None:
        raise ConfigurationError(f"no open call {ref!r}; open calls: {', '.join(state.calls) or 'none'}")
    changed = call.copy()
    for name, value in changes.items():
        setattr(changed, name, value)
    state.calls = {**state.calls, ref: changed}
    return changed


def _admitted(state: RunState, entry: Admitted) -> None:
    _change(state, entry.call, admitted=entry, decision=None)


def _started(state: RunState, entry: Started) -> None:
    call = state.calls.get(entry.call)
    decision = call.decision if call else None
    spent = decision is not None and decision.verdict == "retry"
    _change(state, entry.call, attempt=entry.attempt, decision=None if spent else decision)


def _result(state: RunState, entry: Result) -> None:
    call = state.calls.get(entry.call)
    if call is not None and call.result is not None:
        raise ConfigurationError(f"call {entry.call!r} has a result already")
    changed = _change(state, entry.call, result=entry, child=None)
    if changed.admitted is not None and changed.admitted.untrusted:
        state.untrusted |= {changed.name}
    if changed.failed:
        state.failures = {**state.failures, changed.name: state.failures.get(changed.name, 0) + 1}
    elif entry.status == "ok" and changed.name in state.failures:
        state.failures = {name: n for name, n in state.failures.items() if name != changed.name}


def _decision(state: RunState, entry: Decision) -> None:
    call = _change(state, entry.call, decision=entry)
    if entry.always is not None and call.admitted is not None:
        state.standing = (*state.standing, Standing(entry.call, call.admitted.digest, entry.always))


def _agent_changed(state: RunState, entry: AgentChanged) -> None:
    call = state.calls.get(entry.call)
    state.handed = Handed(call.ref, call.agent, call.name) if call is not None else None
    state.agent = entry.agent
    state.handoffs += 1


def _told(state: RunState, entry: Told) -> None:
    _settle(state, UserMessage(content=entry.text))
    state.final = None
    if entry.why == "repair":
        state.repairs += 1
    elif entry.why != "repeats":
        state.concluding = entry.why


def _compacted(state: RunState, entry: Compacted) -> None:
    if entry.whole:
        _settle(state)
        state.handed = None
    kept = len(state.settled) - state.run_from  # the messages of this run stand at the end of both
    state.settled = Trail(list(entry.messages))
    state.run_from = max(0, len(entry.messages) - kept)
    state.usage = spent(state.usage, entry)


def _rewound(state: RunState, entry: Rewound) -> None:
    past = type(state).folded(state.journal, list(state.entries)[: entry.to])
    # Turns count on, so that no call gets the identity of one that was left behind.
    kept = {"entries": state.entries, "saved": state.saved, "turn": state.turn}
    state.__dict__.update({**past.__dict__, **kept})


def _ended(state: RunState, entry: Ended) -> None:
    state.ended, state.stopped_by = True, entry.stopped_by


def _nested(state: RunState, entry: Nested) -> None:
    call = state.calls.get(entry.call)
    before = call.child if call is not None and call.child is not None else type(state)()
    after = before.apply(entry.entry)
    _change(state, entry.call, child=after)
    state.untrusted |= after.untrusted
    if not isinstance(entry.entry, Input):
        state.turns += after.turns - before.turns
        state.tool_calls += after.tool_calls - before.tool_calls
        state.usage = state.usage + (after.usage - before.usage)


def _resumed(state: RunState, entry: Resumed) -> None:
    """A resumed run stands where it stood; tools that failed too often have their chances again."""
    state.failures = {}


FOLD: dict[type, Callable[[Any, Any], None]] = {
    Input: _input,
    Resumed: _resumed,
    Completion: _completion,
    Attempted: _attempted,
    Admitted: _admitted,
    Started: _started,
    Result: _result,
    Decision: _decision,
    AgentChanged: _agent_changed,
    Told: _told,
    Compacted: _compacted,
    Rewound: _rewound,
    Ended: _ended,
    Nested: _nested,
}
