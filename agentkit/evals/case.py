"""A case of an eval, and one trial of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agentkit.chat import Message, Usage
from agentkit.errors import AgentKitError, ConfigurationError, refuse_other_signature
from agentkit.journal import Call

if TYPE_CHECKING:
    from .scorers import Scorer


@dataclass(frozen=True, init=False)
class Case:
    """What a user says, and what is to be seen then: `Case("Where is order 7?", called("find_order", number=7))`.

    turns: one text, or several, said one after another in one conversation. scorers: of this case alone, besides the
    suite's. name: its first text by default; names are unique in a suite.
    """

    turns: tuple[str, ...]
    scorers: tuple[Scorer, ...]
    name: str

    def __init__(self, turns: str | Sequence[str], *scorers: Scorer, name: str | None = None) -> None:
        said = (turns,) if isinstance(turns, str) else tuple(turns)
        if not said or not all(said):
            raise ConfigurationError(f"Case({turns!r}): give a text, or a list of texts")
        for scorer in scorers:
            refuse_other_signature(f"Case({said[0]!r}): scorer {scorer!r}", scorer, "trial")
        object.__setattr__(self, "turns", said)
        object.__setattr__(self, "scorers", scorers)
        object.__setattr__(self, "name", name or said[0])


@dataclass(frozen=True)
class Trial:
    """One conversation of a case, over. `error` is what ended it early; `output` is None then."""

    case: Case
    number: int
    output: Any = None
    error: AgentKitError | None = None
    waiting: tuple[str, ...] = ()
    """The tools whose calls still wait for somebody."""
    calls: tuple[Call, ...] = ()
    """Every tool call of the conversation, in the model's order, with its result."""
    messages: tuple[Message, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    """US dollars; None when a price or a usage is not known."""
    seconds: float = 0.0
    deps: Any = None
    """What the agent's tools worked on: its final state can be scored."""
