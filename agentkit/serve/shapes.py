"""What the routes under /agentkit/ answer, as types: the server's description is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from agentkit.chat import Json
from agentkit.journal import Effect
from agentkit.run import Event


class Shape(BaseModel):
    """An answer has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class ServedTool(Shape):
    """A tool of a served agent."""

    name: str
    description: str
    effect: Effect


class ServedAgent(Shape):
    """An agent under the name by which it is served."""

    agent: str
    tools: list[ServedTool]


class ServedAgents(Shape):
    """All that are served."""

    agents: list[ServedAgent]


class Begun(Shape):
    """A run that has begun, in its session."""

    run: str
    session: str


class Cancelling(Shape):
    """A run that was told to end; its last event says when it did."""

    run: str


class SessionRow(Shape):
    """A session in the list."""

    session: str
    title: str
    agent: str
    status: Literal["empty", "running", "waiting", "done", "interrupted"]


class SessionRows(Shape):
    """Sessions, the one changed last first."""

    sessions: list[SessionRow]


class Said(Shape):
    """What a user said, or what the framework told the model."""

    kind: Literal["user", "note"]
    text: str


class CallOfTurn(Shape):
    """A tool call; `status` is its result's, or how far it got."""

    call: str
    tool: str
    arguments: str
    attempts: int
    effect: Effect | None
    status: str
    result: str | None


class Turn(Shape):
    """A message of the model; of one in a client's history, `turn` and `agent` are null."""

    kind: Literal["turn"]
    turn: int | None
    agent: str | None
    text: str
    reasoning: str
    usage: dict[str, Any] | None
    calls: list[CallOfTurn]


class WaitingCall(Shape):
    """A call that waits; a decision names its digest, which is of the call as it is shown."""

    call: str
    tool: str
    arguments: str
    why: Literal["approval", "external", "unknown"]
    effect: Effect | None
    expires: float | None
    digest: str


class SessionAsKept(SessionRow):
    """A session; `run` is the one whose events can be read."""

    items: list[Said | Turn]
    waiting: list[WaitingCall]
    run: str | None


@dataclass(frozen=True)
class ModelStarted:
    """The model is asked. `turn` is null for an agent that runs as a tool."""

    request: int
    turn: int | None
    agent: str
    model: str


@dataclass(frozen=True)
class ModelFinished:
    """The message is complete, or `error` tells what went wrong."""

    request: int
    turn: int | None
    usage: Json | None = None
    cost: float | None = None
    finish_reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class RunFailed:
    """The last event: the kind of the error, and the id under which the server's log tells more."""

    error: str
    code: str | None


@dataclass(frozen=True)
class RunCancelled:
    """The last event."""


@dataclass(frozen=True)
class EventsDropped:
    """Events before the number `first` are gone."""

    first: int


ANSWERS = (ServedAgents, Begun, Cancelling, SessionRows, SessionAsKept)
EVENTS = (*get_args(Event), ModelStarted, ModelFinished, RunFailed, RunCancelled, EventsDropped)
