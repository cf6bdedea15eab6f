"""What holds of every run, whatever happened to it (ROBUSTNESS I1 to I3, I14)."""

from __future__ import annotations

from typing import Any

from agentkit.chat import AssistantMessage, ToolMessage
from agentkit.errors import AgentKitError
from agentkit.journal import RunState
from agentkit.run.result import RunResult

from .strict import strict_problem


def check_invariants(of: RunState | RunResult[Any] | AgentKitError) -> None:
    """Raise AssertionError unless the history of a state, a result or an error holds what agentkit promises.

    Each tool call has exactly one tool message, directly after its message, in call order; a strict server would take
    the history; and the state reads back from its JSON as it was.
    """
    state = of if isinstance(of, RunState) else of.state if isinstance(of, RunResult) else RunState.of(of)
    messages = list(state.messages)
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
    again = RunState.model_validate_json(state.model_dump_json())
    _hold([message.to_json() for message in again.messages] == sent, "the state does not read back as it was")


def _hold(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)
