"""One agent at work: the root of a tree, or a child that writes into its parent's journal."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from agentkit.chat import ChatCompletion, Message, SystemMessage
from agentkit.client import Retries
from agentkit.errors import ConfigurationError
from agentkit.journal import Call, Entry, Nested, RunState, Store, dump_entry
from agentkit.tools import Arguments, Context

from .around import Middleware
from .events import AgentEvent, Event, ToolProgress, ToolUse
from .spec import AgentSpec, Team

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from .early import EarlyCall
    from .perform import Outcome

Emit = Callable[[Event], Awaitable[None]]
RunChild = Callable[["Run", Call, Team, Arguments], Awaitable["Outcome | None"]]


@dataclass(slots=True)
class Journal:
    """The growing end of one journal: applies at once, appends in order, has one writer."""

    state: RunState
    store: Store | None = None
    broken: Exception | None = None
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    def record(self, entry: Entry) -> None:
        """Write an entry down; it is in the store after the next commit."""
        self.state = self.state.apply(entry)

    async def commit(self) -> None:
        """Everything recorded so far is in the store, or this raises and the run does nothing more."""
        if self.store is None:
            return
        with anyio.CancelScope(shield=True):  # a cancelled append would leave us not knowing
            async with self.lock:
                if self.broken is not None:
                    raise self.broken
                state = self.state
                rows = [dump_entry(entry) for entry in state.entries.since(state.saved)]
                if not rows:
                    return
                try:
                    await self.store.append(state.journal, state.saved, rows)
                except Exception as error:
                    self.broken = error
                    raise
                self.state = self.state.copy()
                self.state.saved = state.saved + len(rows)


@dataclass(slots=True)
class Shared:
    """What all agents of one tree share while it runs."""

    journal: Journal
    deps: Any
    emit: Emit | None
    middleware: tuple[Middleware, ...]
    stream: bool
    run_child: RunChild  # handed in from the loop, which dispatch must not import
    retries: Retries
    take_over: bool = False
    nested: bool = False  # whether agents that run as tools are heard
    group: TaskGroup | None = None
    completions: list[ChatCompletion] = field(default_factory=list[ChatCompletion])
    abandoned: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Run:
    """One agent at work, at `path` in the tree (the calls above it, outermost first)."""

    team: Team
    shared: Shared
    path: tuple[str, ...] = ()
    early: dict[str, EarlyCall] = field(default_factory=dict[str, "EarlyCall"])
    arguments: dict[str, Arguments] = field(default_factory=dict[str, Arguments])  # validated in this process, by call
    instructions: dict[str, Message | None] = field(default_factory=dict[str, "Message | None"])

    @property
    def state(self) -> RunState:
        """Where this agent's run stands."""
        state = self.shared.journal.state
        return state.at(self.path) if self.path else state

    @property
    def spec(self) -> AgentSpec:
        """The agent that speaks now."""
        return self.team.specs[self.state.agent]

    def record(self, entry: Entry) -> None:
        """Write an entry into this agent's journal, which may lie inside others."""
        for outer in reversed(self.path):
            entry = Nested(outer, entry)
        self.shared.journal.record(entry)

    @property
    def emit(self) -> Emit | None:
        """Whoever listens to this agent. One that runs as a tool is heard through its call alone, if not asked for."""
        emit = self.shared.emit
        if emit is None or not self.path:
            return emit
        return self._emit_nested if self.shared.nested else None

    async def _emit_nested(self, event: Event) -> None:
        if self.shared.emit is not None:
            await self.shared.emit(AgentEvent("/".join(self.path), self.state.agent, event))

    async def tell(self, event: Event) -> None:
        """Tell an event to whoever listens."""
        emit = self.emit
        if emit is not None:
            await emit(event)

    def context(self, use: ToolUse | None = None, key: str = "", attempt: int = 1) -> Context[Any]:
        """The context of a call, or of the run itself."""

        async def progress(message: str, done: float | None, total: float | None) -> None:
            if use is not None:
                await self.tell(ToolProgress(use, message, done, total))

        state = self.state
        return Context(
            self.shared.deps,
            run_id=state.run_id,
            agent=state.agent,
            call_id=use.id if use is not None else "",
            idempotency_key=key,
            attempt=attempt,
            messages=lambda: self.state.messages,
            usage=lambda: self.state.usage,
            untrusted=lambda: self.shared.journal.state.untrusted,
            progress=progress,
        )

    async def messages(self) -> tuple[Message, ...]:
        """The conversation as it is sent: the agent's instructions first, evaluated once per run and agent."""
        state, name = self.state, self.state.agent
        if name not in self.instructions:
            text: Any = self.team.specs[name].instructions
            if callable(text):
                text = text(self.context())
                if inspect.isawaitable(text):
                    text = await text
                if not isinstance(text, str):
                    raise ConfigurationError(f"agent {name!r}: instructions= returned {text!r}; let it return a text")
            self.instructions[name] = SystemMessage(content=text) if text else None
        first = self.instructions[name]
        return state.messages if first is None else (first, *state.messages)
