"""What a run tells while it happens: a closed union of small values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import to_json

from agentkit.journal import Result, Waiting


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call as events show it: its identity in the journal, its tool, its arguments as JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins, or goes on."""

    run_id: str
    agent: str


@dataclass(frozen=True, slots=True, init=False)
class TextDelta:
    """A piece of the answer's text."""

    text: str
    choice: int = 0

    def __init__(self, text: str, choice: int = 0) -> None:
        _set_text(self, text)  # a frozen class's own way takes twice as long, and there is one in each chunk
        _set_choice(self, choice)


_set_text: Callable[[TextDelta, str], None] = TextDelta.__dict__["text"].__set__
_set_choice: Callable[[TextDelta, int], None] = TextDelta.__dict__["choice"].__set__


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's reasoning, where the provider shows it."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """A piece of a refusal."""

    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class PartialOutput:
    """As much of the structured output as is there; plain JSON, not validated."""

    value: Any
    choice: int = 0


@dataclass(frozen=True, slots=True)
class ToolProposed:
    """The model asks for a call; nothing of it has run."""

    call: ToolUse


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call's function runs."""

    call: ToolUse


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A tool tells how far it is (`ctx.progress`)."""

    call: ToolUse
    message: str
    done: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A call is over; `result.status` tells how, `result.content` is what the model reads."""

    call: ToolUse
    result: Result


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """Another agent of the team speaks from here on."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """An agent that runs as a tool tells `inner`; `call` is the call it runs in, with those above it (`0.0/1.0`).

    Told where `agent.stream(..., nested=True)` asks for it. Calls in `inner` have their identity inside that agent.
    """

    call: str
    agent: str
    inner: Event


@dataclass(frozen=True, slots=True)
class Restarted:
    """The model's message is told again from its beginning: drop what was shown of it."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over, or waits for somebody."""

    status: Literal["done", "waiting"]


Event = (
    RunStarted
    | TextDelta
    | ReasoningDelta
    | RefusalDelta
    | PartialOutput
    | ToolProposed
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | AgentChanged
    | AgentEvent
    | Waiting
    | Restarted
    | RunFinished
)


def event_json(event: Event) -> str:
    """The event as JSON: its class name under `event`, its fields beside it."""
    return to_json(_body(event), fallback=str).decode()


def _body(event: Event) -> dict[str, Any]:
    body = {name: getattr(event, name) for name in event.__slots__}
    if isinstance(event, AgentEvent):
        body["inner"] = _body(event.inner)
    return {"event": type(event).__name__, **body}
