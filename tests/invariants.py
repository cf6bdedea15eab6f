"""What holds of every history, whatever happened (ROBUSTNESS I1 and I2)."""

from agentkit import ChatRequest, RunState
from agentkit.chat import AssistantMessage, ToolMessage


def check_invariants(state: RunState) -> None:
    """Every call has exactly one tool message, directly after its message, in call order; and the history is sendable."""
    messages = list(state.messages)
    answered = 0
    for position, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            ids = [call.id for call in message.calls]
            replies = messages[position + 1 : position + 1 + len(ids)]
            assert [r.tool_call_id if isinstance(r, ToolMessage) else r.role for r in replies] == ids
            answered += len(ids)
    assert sum(isinstance(message, ToolMessage) for message in messages) == answered
    assert ChatRequest.model_validate({"model": "m", "messages": [m.model_dump(exclude_unset=True) for m in messages]})
    again = RunState.model_validate_json(state.model_dump_json())
    assert [m.model_dump() for m in again.messages] == [m.model_dump() for m in messages]
