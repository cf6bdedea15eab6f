"""The heart: a pure next step, one loop that performs it, and the views of what happens."""

from .around import Middleware, ModelCall, RunCall, ToolRun
from .confidence import Confidence
from .events import (
    AgentChanged,
    AgentEvent,
    Event,
    PartialOutput,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    RunFinished,
    RunStarted,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolProposed,
    ToolStarted,
    ToolUse,
    event_json,
)
from .limits import Limits
from .result import RunResult
from .spec import AgentSpec, Choose, Handoff, Instructions, Team
from .steps import Ask, CallTools, Finish, Pause, Stop, Tell, next_step
from .stream import RunStream, SyncRunStream

__all__ = [
    "AgentChanged",
    "AgentEvent",
    "AgentSpec",
    "Ask",
    "CallTools",
    "Choose",
    "Confidence",
    "Event",
    "Finish",
    "Handoff",
    "Instructions",
    "Limits",
    "Middleware",
    "ModelCall",
    "PartialOutput",
    "Pause",
    "ReasoningDelta",
    "RefusalDelta",
    "Restarted",
    "RunCall",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "RunStream",
    "Stop",
    "SyncRunStream",
    "Team",
    "Tell",
    "TextDelta",
    "ToolFinished",
    "ToolProgress",
    "ToolProposed",
    "ToolRun",
    "ToolStarted",
    "ToolUse",
    "event_json",
    "next_step",
]
