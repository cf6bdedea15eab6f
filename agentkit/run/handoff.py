"""Handing a conversation over: what the next agent sees of it is decided once, and written down."""

from __future__ import annotations

import inspect
from typing import Any

from agentkit.chat import Message, UserMessage
from agentkit.journal import Compacted, Input

from .input import messages_of
from .run import Run
from .spec import handoff_of


async def hand_history(run: Run) -> None:
    """Before the new agent speaks for the first time: the view it gets, as an entry, so that a resume sees the same."""
    handed = run.state.handed
    if handed is None:
        return
    handoff = handoff_of(run.team.specs[handed.agent].tool(handed.tool))
    if handoff is not None and handoff.history != "all":
        run.record(Compacted(await _view(run, handoff.history), whole=True))


async def _view(run: Run, history: Any) -> tuple[Message, ...]:
    state = run.state
    if history == "last_run":
        return state.new_messages
    if history == "none":
        given = [entry.messages for entry in state.entries if isinstance(entry, Input)][-1]
        asked = [message for message in given if isinstance(message, UserMessage)]
        return tuple(asked[-1:]) or given
    chosen = history(state.messages)
    return messages_of(await chosen if inspect.isawaitable(chosen) else chosen)
