"""What a run may spend."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from agentkit.errors import ConfigurationError

_KEPT = ("turns", "tool_calls", "calls_per_turn", "repairs", "retries", "parallel", "handoffs", "depth")  # never None
_MAY_BE_0 = ("repairs", "retries", "handoffs", "depth")


@dataclass(frozen=True, slots=True)
class Limits:
    """One budget for a run and all agents in it. None: no limit.

    turns: model turns. tool_calls: calls the model made. calls_per_turn: those of one message. tokens: total tokens
    billed. retries: further attempts of requests that failed, in this process.
    seconds: active time, pauses not counted. repairs: times the model is asked to mend an answer.
    repeats: equal turns of calls (same arguments, same results) before the run stops; the model is told once.
    parallel: tool calls that run at the same time. handoffs: times an agent hands over. depth: agents inside agents.
    on_limit: "raise" LimitReached, or "conclude": one last turn without tools.
    """

    turns: int = 20  # a loop that long is a bug
    tool_calls: int = 200
    tokens: int | None = None
    seconds: float | None = None
    repairs: int = 2
    repeats: int | None = 3
    parallel: int = 16
    on_limit: Literal["raise", "conclude"] = "raise"
    calls_per_turn: int = 64
    retries: int = 8
    handoffs: int = 10
    depth: int = 5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "on_limit":
                if value not in ("raise", "conclude"):
                    raise ConfigurationError(f"Limits(on_limit={value!r}): use 'raise' or 'conclude'")
            elif value is None and field.name in _KEPT:
                raise ConfigurationError(f"Limits({field.name}=None): this limit cannot be switched off")
            elif value is not None and not _fits(value, 0 if field.name in _MAY_BE_0 else 1e-9):
                least = "0 or more" if field.name in _MAY_BE_0 else "above 0"
                off = "" if field.name in _KEPT else ", or None for no limit"
                raise ConfigurationError(f"Limits({field.name}={value!r}): use a number {least}{off}")


def _fits(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= least
