"""Telling the story of a streamed message, and starting its `read` calls while it streams."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import anyio

from agentkit.chat import PartialCall, PartialCompletion, ResponseMessage
from agentkit.errors import ToolError
from agentkit.tools import Arguments, Tool

from .events import PartialOutput, ReasoningDelta, RefusalDelta, Restarted, TextDelta, ToolProposed, ToolUse
from .nested import team_of
from .perform import Outcome, perform
from .run import Run
from .spec import handoff_of


@dataclass(eq=False)
class EarlyCall:
    """A read call that runs before its message is complete."""

    name: str
    arguments: Arguments
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    done: anyio.Event = field(default_factory=anyio.Event)
    outcome: Outcome | None = None


class EarlyStarts:
    """Follows one streamed message: tells its deltas, starts what is provably complete, keeps or drops it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._emit = run.emit
        self._partial: PartialCompletion | None = None
        self._started: dict[int, EarlyCall] = {}
        self._looked_at: set[int] = set()
        self._enabled = run.shared.group is not None and run.spec.early_start is not False
        self._structured = run.spec.output is not None
        self._most = run.team.limits.calls_per_turn
        self._lengths: dict[int, int] = {}  # characters of each choice
        self._read = 0  # of them, already told as structured output

    @property
    def heard(self) -> bool:
        """Whether the model told anything of its message."""
        return self._partial is not None

    def on_chunk(self, chunk: dict[str, Any], partial: PartialCompletion) -> Awaitable[None]:
        """Called by the model for each chunk, the live accumulator travelling along."""
        emit = self._emit
        if emit is not None and not self._structured and partial is self._partial and len(partial.deltas) == 1:
            kind, text, choice = partial.deltas[0]
            if kind == "content" and not choice and not partial.choices[0].calls:
                return emit(TextDelta(text))  # nearly every chunk; a coroutine for each would be felt
        return self._follow(partial)

    async def _follow(self, partial: PartialCompletion) -> None:
        if partial is not self._partial:
            if self._partial is not None:
                await self.restart("the model began its message again")
            self._partial = partial
        emit = self._emit
        if emit is not None:
            for kind, text, choice in partial.deltas:
                if kind == "content":
                    await emit(TextDelta(text, choice))
                    if self._structured:
                        await self._tell_output(text, choice, partial)
                elif kind == "reasoning":
                    await emit(ReasoningDelta(text, choice))
                elif kind == "refusal":
                    await emit(RefusalDelta(text, choice))
        if self._enabled and 0 in partial.choices and (calls := partial.choices[0].calls):
            await self._start_complete(calls)

    async def _tell_output(self, text: str, choice: int, partial: PartialCompletion) -> None:
        output = self._run.spec.output
        length = self._lengths[choice] = self._lengths.get(choice, 0) + len(text)
        if output is None or self._emit is None or length - self._read < max(1, length // 50):
            return  # parsing the whole text for each delta of a long one would be quadratic
        self._read = length
        value = output.partial(partial.choices[choice].text)
        if value is not None:
            await self._emit(PartialOutput(value, choice))

    async def _start_complete(self, calls: list[PartialCall]) -> None:
        for ordinal, call in enumerate(calls):
            if ordinal >= self._most:
                break
            if ordinal in self._looked_at or not call.closed:
                continue
            self._looked_at.add(ordinal)
            tool = self._run.spec.by_name.get(call.name)
            if tool is None or tool.effect != "read" or not _free(tool):
                continue
            try:
                arguments = tool.validate(call.arguments)
            except ToolError:
                continue  # told to the model when the message is complete
            await self._start(ordinal, tool, call.arguments, arguments)

    async def _start(self, ordinal: int, tool: Tool[..., Any], text: str, arguments: Arguments) -> None:
        group = self._run.shared.group
        if group is None:
            return
        early = self._started[ordinal] = EarlyCall(tool.name, arguments)
        ref = f"{self._run.state.turn}.{ordinal}"
        await self._run.tell(ToolProposed(ToolUse(ref, tool.name, text)))

        async def work() -> None:
            with early.scope:
                early.outcome = await perform(self._run, tool, arguments, ref)
            early.done.set()

        group.start_soon(work)

    async def restart(self, reason: str) -> None:
        """The message begins again: what was started on it is dropped."""
        await self.drop()
        self._partial, self._looked_at, self._lengths, self._read = None, set(), {}, 0
        if self._emit is not None:
            await self._emit(Restarted(reason))

    async def drop(self) -> None:
        """The message was not completed: cancel what runs, forget what came."""
        for early in self._started.values():
            early.scope.cancel()
        self._started = {}

    async def keep(self, message: ResponseMessage) -> set[str]:
        """The message is complete: drop the calls that it does not have; what goes on is returned."""
        run, calls = self._run, message.calls
        turn, kept = run.state.turn - 1, set[str]()
        for ordinal, early in self._started.items():
            same = ordinal < len(calls) and calls[ordinal].name == early.name
            if same and _same_arguments(run, early, calls[ordinal].text):
                run.early[f"{turn}.{ordinal}"] = early
                kept.add(f"{turn}.{ordinal}")
            else:
                early.scope.cancel()
        self._started = {}
        return kept


def _free(tool: Tool[..., Any]) -> bool:
    """Whether a call of the tool needs nobody's leave: no approval, lock, predicate, nested agent or outside answer."""
    plain = tool.approval is False and tool.lock is None and tool.when is None
    return plain and not tool.runs_elsewhere and team_of(tool) is None and handoff_of(tool) is None


def _same_arguments(run: Run, early: EarlyCall, text: str) -> bool:
    try:
        return run.spec.by_name[early.name].validate(text).json == early.arguments.json
    except ToolError:
        return False
