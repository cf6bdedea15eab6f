"""One tool call of the newest assistant message, and how far it got."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agentkit.chat import ImagePart, ImageUrl, Message, TextPart, ToolMessage, UserMessage

from .entry import Admitted, Decision, Result, Why

if TYPE_CHECKING:
    from .state import RunState

Phase = Literal["proposed", "ready", "approval", "external", "unknown", "done"]
FAILED = frozenset({"error", "invalid", "timeout"})


@dataclass(slots=True)
class Call:
    """A call by its identity `turn.ordinal` in its journal. A value: states replace it, they never change it."""

    ref: str
    id: str  # the wire id, as it is sent back; models repeat it, so it identifies nothing
    name: str
    text: str  # the arguments as the model wrote them
    agent: str
    type: str = "function"
    admitted: Admitted | None = None
    attempt: int = 0  # how often it was started
    decision: Decision | None = None
    result: Result | None = None
    child: RunState | None = None
    _message: ToolMessage | None = None

    def copy(self) -> Call:
        """The same call, to be changed: dataclasses.replace takes five times as long, twice a turn."""
        return Call(
            self.ref,
            self.id,
            self.name,
            self.text,
            self.agent,
            self.type,
            self.admitted,
            self.attempt,
            self.decision,
            self.result,
            self.child,
            self._message,
        )

    @property
    def phase(self) -> Phase:
        """How far the call is: a function of its entries alone."""
        if self.result is not None:
            return "done"
        admitted, decision = self.admitted, self.decision
        if admitted is None or (decision is not None and decision.arguments is not None and not self.attempt):
            return "proposed"  # edited arguments make it another call, which is admitted anew (S3)
        verdict = decision.verdict if decision else ""
        if verdict in ("deny", "tell_model"):
            return "done"
        if self._may_have_run and verdict != "retry":
            return "unknown"
        if admitted.wants == "external":
            return "external"
        if admitted.wants == "approval" and not verdict and not self.attempt:
            return "approval"
        return "ready"

    @property
    def arguments(self) -> str:
        """The arguments it runs with: the model's, then as admitted, or those that somebody gave instead."""
        if self.decision is not None and self.decision.arguments is not None:
            return self.decision.arguments
        return self.admitted.arguments if self.admitted else self.text

    @property
    def content(self) -> str:
        """The text of its tool message, whatever happened."""
        if self.result is not None:
            return self.result.content
        verdict = self.decision.verdict if self.decision else ""
        if verdict == "deny":
            reason = self.decision.reason if self.decision else ""
            return f"denied: {reason}" if reason else "denied: the call was not approved"
        if verdict == "tell_model" or self._may_have_run:
            return "unknown: the call was started, and its outcome was never recorded"
        return "cancelled: the call did not run"

    @property
    def _may_have_run(self) -> bool:
        """Whether a write was started, and how that ended is not known."""
        admitted = self.admitted
        return self.attempt > 0 and admitted is not None and admitted.effect == "write" and not admitted.nested

    @property
    def failed(self) -> bool:
        """Whether it ended in a way that counts against the tool's `max_failures`."""
        return self.result is not None and self.result.status in FAILED

    def tool_message(self) -> ToolMessage:
        """The one tool message of this call."""
        if self._message is not None and self._message.content == self.content:
            return self._message
        self._message = ToolMessage(tool_call_id=self.id, content=self.content)
        return self._message


def replies(calls: Collection[Call]) -> list[Message]:
    """The tool messages of a turn's calls, and after them the images that came with their results."""
    messages: list[Message] = [call.tool_message() for call in calls]
    parts: list[TextPart | ImagePart] = []
    for call in calls:
        if call.result is not None and call.result.images:
            parts.append(TextPart(text=f"Images of the result of {call.name} ({call.id}):"))
            parts += [ImagePart(image_url=ImageUrl(url=url)) for url in call.result.images]
    if parts:
        messages.append(UserMessage(content=tuple(parts)))
    return messages


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that waits for somebody outside: for an approval, a result, or a word about its unknown outcome.

    `call` is its identity, with the calls above it for an agent that runs as a tool: `0.1` or `0.1/2.0`.
    `expires`: seconds since 1970; what is approved after that does not run.
    """

    call: str
    tool: str
    arguments: str
    why: Why
    expires: float | None = None

    @property
    def waits_for(self) -> str:
        """What it waits for, as a person reads it."""
        return _WAITS_FOR[self.why]

    def __str__(self) -> str:
        return f"{self.tool}({self.arguments}) waits for {self.waits_for}"


_WAITS_FOR: dict[Why, str] = {
    "approval": "an approval",
    "external": "a result from outside",
    "unknown": "a word about its unknown outcome",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An approval that stays for the run: of one tool as it was (its digest), where arguments have these values."""

    call: str
    digest: str
    values: dict[str, Any]

    def covers(self, admitted: Admitted) -> bool:
        """Whether a call is approved by it. Values are equal as JSON: 7 is not "7", and 1 is not true."""
        if admitted.digest != self.digest:
            return False
        given = json.loads(admitted.arguments)
        return all(name in given and _same(given[name], value) for name, value in self.values.items())


@dataclass(frozen=True, slots=True)
class Handed:
    """A hand-over whose new agent has not spoken yet: the call, who made it, and with which tool."""

    call: str
    agent: str
    tool: str


def _same(left: object, right: object) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def idempotency_key(run_id: str, ref: str, name: str, arguments: str) -> str:
    """A key for a call that stays the same over every resume (64 hex digits), unlike the id the model gave it."""
    return hashlib.sha256(f"{run_id}\0{ref}\0{name}\0{arguments}".encode(errors="replace")).hexdigest()
