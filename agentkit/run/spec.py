"""What an agent is, for the loop: plain values, and the team one run can reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

from agentkit.chat import ChatRequest, Choice, Json, Message, Settings
from agentkit.errors import ConfigurationError, refuse_other_signature
from agentkit.models import Model
from agentkit.tools import Context, HandOver, SchemaValidator, Tool, ToolSource

from .around import Middleware
from .limits import Limits
from .output import Output, output_of

Instructions = str | Callable[[Context[Any]], str | Awaitable[str]]
View = str | Sequence[Message]
History = Literal["all", "last_run", "none"] | Callable[[tuple[Message, ...]], View | Awaitable[View]]
Choose = Literal["first", "most_confident", "majority"] | Callable[[Sequence[Choice]], Choice]


class HasSpec(Protocol):
    """An agent: whatever has a spec."""

    @property
    def spec(self) -> AgentSpec:
        """What it is made of."""
        ...


@dataclass(frozen=True, eq=False)
class Handoff:
    """A way to hand the conversation over to an agent, with a say in what that agent sees of it.

    history: "all"; "last_run" (this run, what was asked first included); "none" (the last thing the user said); or a
    function of the messages that returns those to go on with, sync or async: filtered, or one text that sums them up.
    The rest stays in the journal. name, description: of the tool that the model calls.
    """

    agent: HasSpec
    history: History = "all"
    description: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        where = f"Handoff({self.agent!r})"
        if not isinstance(getattr(self.agent, "spec", None), AgentSpec):
            raise ConfigurationError(f"{where}: give it the agent to hand over to")
        if callable(self.history):
            refuse_other_signature(f"{where}: history=", self.history, "messages")
        elif self.history not in ("all", "last_run", "none"):
            raise ConfigurationError(f"{where}: history={self.history!r}; use 'all', 'last_run', 'none' or a function")

    @property
    def usual_name(self) -> str:
        """The tool's name where none was given."""
        return f"transfer_to_{self.agent.spec.name}"


@dataclass(frozen=True, eq=False)
class AgentSpec:
    """One agent: who answers, what it may call, what it gives back."""

    model: Model
    name: str = "agent"
    instructions: Instructions = ""
    tools: tuple[Tool[..., Any], ...] = ()
    output_type: Any = str
    deps_type: Any = None
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)
    handoffs: tuple[Handoff, ...] | Callable[[], tuple[Handoff, ...]] = ()
    middleware: tuple[Middleware, ...] = ()
    early_start: bool | None = None
    choose: Choose = "first"
    sources: tuple[ToolSource, ...] = ()

    @cached_property
    def output(self) -> Output | None:
        """How the output type is asked for; None for text."""
        return output_of(self.output_type)

    @cached_property
    def templates(self) -> dict[tuple[object, ...], ChatRequest]:
        """Requests checked once, by what can change between turns; a turn only adds messages."""
        return {}

    @cached_property
    def ways(self) -> tuple[Handoff, ...]:
        """How it can hand over."""
        return tuple(self.handoffs() if callable(self.handoffs) else self.handoffs)

    @cached_property
    def _opened(self) -> dict[tuple[Tool[..., Any], ...], AgentSpec]:
        return {}

    async def opened(self) -> AgentSpec:
        """This agent with the tools that its open sources have now: the same spec again while they are the same."""
        if not self.sources:
            return self
        tools = self.tools
        for source in self.sources:
            tools += await source.tools()
        if tools not in self._opened:
            self._opened.clear()
            self._opened[tools] = replace(self, tools=tools, sources=())
        return self._opened[tools]

    @cached_property
    def targets(self) -> tuple[AgentSpec, ...]:
        """The agents it can hand over to."""
        return tuple(way.agent.spec for way in self.ways)

    @cached_property
    def by_name(self) -> dict[str, Tool[..., Any]]:
        """Its tools and hand-overs by name."""
        tools = [*self.tools, *map(_hand_over, self.ways)]
        found: dict[str, Tool[..., Any]] = {}
        for tool in tools:
            if tool.name in found:
                raise ConfigurationError(f"agent {self.name!r}: two tools are named {tool.name!r}; rename one")
            found[tool.name] = tool
        return found

    def tool(self, name: str) -> Tool[..., Any] | None:
        """Its tool of this name, as the model wrote it (Q65)."""
        return self.by_name.get(name) or self.by_name.get(name.removeprefix("functions."))


@dataclass(frozen=True, eq=False)
class Transfer:
    """The function of the tool that hands over."""

    handoff: Handoff

    def __call__(self) -> HandOver:
        return HandOver(self.handoff.agent.spec.name)


def handoff_of(tool: Tool[..., Any] | None) -> Handoff | None:
    """How the tool hands over; None for one that does not."""
    function = tool.function if tool is not None else None
    return function.handoff if isinstance(function, Transfer) else None


def _hand_over(handoff: Handoff) -> Tool[..., Any]:
    target = handoff.agent.spec.name
    name = handoff.name or handoff.usual_name
    schema: Json = {"type": "object", "properties": {}, "additionalProperties": False}
    return Tool(
        Transfer(handoff),
        name=name,
        description=handoff.description or f"Hand the conversation over to the agent {target}.",
        parameters=schema,
        validator=SchemaValidator(schema, name),
        effect="read",
        thread=False,
    )


@dataclass(frozen=True, eq=False)
class Team:
    """All agents that one run can reach, and the budget they share."""

    first: AgentSpec
    limits: Limits
    opened: dict[str, AgentSpec] = field(default_factory=dict[str, AgentSpec])
    """The agents with the tools of their sources, while a run goes on."""

    @cached_property
    def specs(self) -> dict[str, AgentSpec]:
        """Agent by name. Raises ConfigurationError when two share one."""
        if self.opened:
            return self.opened
        found: dict[str, AgentSpec] = {}
        todo = [self.first]
        while todo:
            spec = todo.pop()
            if found.setdefault(spec.name, spec) is not spec:
                raise ConfigurationError(f"two agents of one team are named {spec.name!r}; give one another name=")
            if len(found) > 1 or spec.targets:
                todo += [target for target in spec.targets if found.get(target.name) is not target]
        return found

    @cached_property
    def closable(self) -> tuple[AbstractAsyncContextManager[Any], ...]:
        """The models that keep connections while they are held open."""
        models = (spec.model for spec in self.specs.values())
        return tuple(model for model in models if isinstance(model, AbstractAsyncContextManager))

    @cached_property
    def sources(self) -> tuple[ToolSource, ...]:
        """Where further tools of its agents come from."""
        return tuple(source for spec in self.specs.values() for source in spec.sources)

    async def hold(self, stack: AsyncExitStack) -> Team:
        """Keep models and sources open until the stack is left; the team with the tools that are there now."""
        for held in (*self.closable, *self.sources):
            await stack.enter_async_context(held)
        if not self.sources:
            return self
        return replace(self, opened={name: await spec.opened() for name, spec in self.specs.items()})

    def with_limits(self, limits: Limits | None) -> Team:
        """The same team under other limits."""
        return self if limits is None else replace(self, limits=limits)
