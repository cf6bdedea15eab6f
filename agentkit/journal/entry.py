"""What happened: the closed union of everything that can be written into a journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from agentkit.chat import CompletionUsage, Message, ResponseMessage

Effect = Literal["read", "idempotent", "write"]
Status = Literal["ok", "error", "invalid", "denied", "cancelled", "timeout", "unknown"]
Verdict = Literal["approve", "deny", "retry", "tell_model"]
Why = Literal["approval", "external", "unknown"]

_CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Input:
    """A run begins: the messages it was given, and the agent that takes them."""

    run_id: str
    agent: str
    messages: tuple[Message, ...]
    kind: Literal["input"] = "input"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run goes on in another process or at another time; `owner` is who acts from here on."""

    owner: str
    kind: Literal["resumed"] = "resumed"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Completion:
    """The model answered with a whole message, kept as it came; `lost` answers to the same request came to nothing."""

    message: ResponseMessage
    finish_reason: str | None = None
    usage: CompletionUsage | None = None
    lost: int = 0
    kind: Literal["completion"] = "completion"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Attempted:
    """A request that gave no usable message; `text` is what came of it, its tokens were still spent."""

    error: str
    text: str = ""
    usage: CompletionUsage | None = None
    repair: bool = False  # the model itself went wrong and is asked again, within limits.repairs
    lost: int = 0  # answers to the same request that came to nothing before
    sent: bool = True  # whether the request left at all: without a connection it cost nothing
    kind: Literal["attempted"] = "attempted"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call may run with exactly these arguments (canonical JSON), now or after a decision."""

    call: str
    arguments: str
    effect: Effect
    digest: str = ""  # of the tool: what was approved is what runs
    wants: Literal["", "approval", "external"] = ""
    nested: bool = False  # an agent as a tool: its journal lives inside this one
    repairs: tuple[str, ...] = ()
    expires: float | None = None  # seconds since 1970: an approval after that counts as a denial
    untrusted: bool = False  # its result comes from outside (S7)
    kind: Literal["admitted"] = "admitted"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Started:
    """Committed before the function of a write tool runs."""

    call: str
    attempt: int = 1
    kind: Literal["started"] = "started"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Result:
    """A call is over; `content` is the text of its tool message, `whole` the text before it was cut.

    images: shown to the model after the results of the turn. data: what the tool gave for the application alone.
    """

    call: str
    status: Status
    content: str
    whole: str | None = None
    images: tuple[str, ...] = ()
    data: Any = None
    kind: Literal["result"] = "result"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody outside said how a waiting call goes on; `arguments` are theirs when they edited them.

    always: later calls of this run to the very same tool are approved too, where they have these argument values
    (none: whatever theirs are).
    """

    call: str
    verdict: Verdict
    reason: str = ""
    arguments: str | None = None
    always: dict[str, Any] | None = None
    kind: Literal["decision"] = "decision"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class AgentChanged:
    """From the next request on, another agent of the team speaks; `call` handed over to it."""

    agent: str
    call: str = ""
    kind: Literal["agent_changed"] = "agent_changed"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Told:
    """The framework said something to the model: an output problem, a spent budget, a loop."""

    why: Literal["repair", "repeats", "turns", "tool_calls", "calls_per_turn", "handoffs", "tokens"]
    text: str
    kind: Literal["told"] = "told"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Compacted:
    """The settled messages are replaced, in the view only; `usage` is what a summary of them cost.

    whole: the newest calls and their results too, none of which may be open.
    """

    messages: tuple[Message, ...]
    usage: CompletionUsage | None = None
    whole: bool = False
    kind: Literal["compacted"] = "compacted"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Rewound:
    """The conversation goes on from where it stood after its first `to` entries; what came after stays readable."""

    to: int
    kind: Literal["rewound"] = "rewound"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over; the next entry can only be an input."""

    stopped_by: str = ""
    kind: Literal["ended"] = "ended"
    __pydantic_config__ = _CLOSED


@dataclass(frozen=True, slots=True)
class Nested:
    """An entry of the agent that runs as the tool call `call`."""

    call: str
    entry: Entry
    kind: Literal["nested"] = "nested"
    __pydantic_config__ = _CLOSED


Entry = Annotated[
    Input
    | Resumed
    | Completion
    | Attempted
    | Admitted
    | Started
    | Result
    | Decision
    | AgentChanged
    | Told
    | Compacted
    | Rewound
    | Ended
    | Nested,
    Field(discriminator="kind"),
]

_ENTRY: TypeAdapter[Any] = TypeAdapter(Entry, config=ConfigDict(defer_build=True))


def dump_entry(entry: Entry) -> bytes:
    """The entry as one line of JSON; its messages stay as the wire had them."""
    return _ENTRY.dump_json(entry, exclude_unset=True)


def load_entry(text: str | bytes) -> Entry:
    """The entry that `dump_entry` wrote; unknown fields are refused (S1)."""
    entry: Entry = _ENTRY.validate_json(text)
    return entry


def load_entries(rows: Iterable[Any]) -> list[Entry]:
    """Entries out of parsed JSON."""
    return [_ENTRY.validate_python(row, strict=False) for row in rows]
