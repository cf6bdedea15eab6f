"""Telling a run while it happens: its text on standard output, what it does on standard error."""

from __future__ import annotations

import time
from typing import Any

from agentkit.run.events import (
    AgentChanged,
    Event,
    ReasoningDelta,
    RefusalDelta,
    Restarted,
    RunStarted,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)
from agentkit.run.result import RunResult

from .options import Running
from .terminal import Progress, complain, write

SHORT = 200  # characters of arguments and results in a line


class Teller:
    """Takes events, writes what a person wants to see of them."""

    def __init__(self, progress: Progress, *, tools: bool) -> None:
        self._progress, self._tools = progress, tools
        self._begun: dict[str, float] = {}
        self._open = False  # whether text stands on the line

    def tell(self, event: Event) -> None:
        """One event."""
        match event:
            case TextDelta(text, 0) | RefusalDelta(text, 0):
                self._progress.clear()
                write(text)
                self._open = not text.endswith("\n")
            case ReasoningDelta():
                self._progress.show("thinking")
            case RunStarted(_, agent):
                self._progress.show(f"{agent} is asked")
            case ToolStarted(call):
                self._begun[call.id] = time.monotonic()
                self._line(f"→ {call.name}({shortened(call.arguments)})")
                self._progress.show(f"{call.name} runs")
            case ToolProgress(call, message, done, total):
                share = f" ({done:g} of {total:g})" if done is not None and total is not None else ""
                self._progress.show(f"{call.name}: {message}{share}")
            case ToolFinished(call, result):
                spent = time.monotonic() - self._begun.pop(call.id, time.monotonic())
                self._line(f"← {call.name}: {result.status} in {spent:.1f} s: {shortened(result.content)}")
                self._progress.show("waiting for the model")
            case AgentChanged(agent):
                self._line(f"→ {agent} takes over")
            case Restarted(reason):
                self.end()
                complain(f"the message begins again: {reason}", dim=True)
            case _:
                pass

    def _line(self, text: str) -> None:
        self.end()
        if self._tools:
            complain(text, dim=True)

    def end(self) -> None:
        """End the line of text and take the progress away."""
        self._progress.clear()
        if self._open:
            write("\n")
            self._open = False


def shortened(text: str) -> str:
    """At most a line of it."""
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[:SHORT]}…"


async def told(ready: Running, given: Any, teller: Teller) -> RunResult[Any]:
    """Run the agent and tell it. Raises AgentKitError."""
    agent: Any = ready.target.agent
    try:
        async with agent.stream(given, deps=ready.deps, session=ready.session, middleware=ready.middleware) as run:
            async for event in run:
                teller.tell(event)
        result: RunResult[Any] = run.result
        return result
    finally:
        teller.end()
