"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, cast

from agentkit.chat import ChatCompletion, Message, Usage
from agentkit.errors import StillWaiting
from agentkit.journal import RunState, Waiting, usage_by_agent

from .confidence import Confidence, confidence_of

Out = TypeVar("Out", covariant=True)


@dataclass(frozen=True)
class RunResult(Generic[Out]):
    """A finished or waiting run. `output` is the answer; everything else is read off the state."""

    status: Literal["done", "waiting"]
    state: RunState
    completions: tuple[ChatCompletion, ...] = ()
    """The model's answers in this process, all choices included, oldest first."""
    abandoned: tuple[str, ...] = ()
    """Calls whose sync function still ran in its thread when they were given up."""
    value: Any = field(default=None, repr=False)
    wrapped: bool = field(default=False, repr=False)

    @property
    def output(self) -> Out:
        """The answer. Raises StillWaiting while calls wait for somebody."""
        if self.status == "waiting":
            names = ", ".join(f"{w.tool} ({w.call}: {w.why})" for w in self.waiting)
            verbs = {"approval": "approve", "external": "answer", "unknown": "retry"}[self.waiting[0].why]
            raise StillWaiting(
                f"the run waits for {names}; decide with state = result.state.{verbs}(...), then run the state"
            )
        return cast("Out", self.value)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """The calls that wait for a decision or a result."""
        return self.state.waiting

    @property
    def stopped_by(self) -> str | None:
        """The limit that made the run conclude, if one did."""
        return self.state.stopped_by or None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation."""
        return self.state.messages

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """The messages of this run, its input included."""
        return self.state.new_messages

    @property
    def usage(self) -> Usage:
        """Tokens and requests of this run, nested agents included."""
        return self.state.usage

    @property
    def usage_by_agent(self) -> dict[str, Usage]:
        """The same by the name of the agent that spent it."""
        return usage_by_agent(list(self.state.entries))

    @property
    def agent(self) -> str:
        """The name of the agent that spoke last."""
        return self.state.agent

    @property
    def confidence(self) -> Confidence | None:
        """From the last answer's log probabilities; None when they were not asked for."""
        if not self.completions or self.state.final is None:
            return None
        final = self.state.final
        choice = next((c for c in self.completions[-1].choices if c.message is final), None)
        return confidence_of(choice, self.wrapped)

    def __repr__(self) -> str:
        body = f"output={self.value!r}" if self.status == "done" else f"waiting={[w.tool for w in self.waiting]}"
        usage = self.usage
        return f"RunResult({self.status}, {body}, turns={self.state.turns}, tokens={usage.total_tokens})"
