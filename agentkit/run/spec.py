"""What an agent is, for the loop: plain values, and the team one run can reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from agentkit.chat import ChatRequest, Choice, Json, Settings
from agentkit.errors import ConfigurationError
from agentkit.models import Model
from agentkit.tools import Context, HandOver, SchemaValidator, Tool, ToolSource

from .around import Middleware
from .limits import Limits
from .output import Output, output_of

Instructions = str | Callable[[Context[Any]], str | Awaitable[str]]
Choose = Literal["first", "most_confident", "majority"] | Callable[[Sequence[Choice]], Choice]


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
    handoffs: tuple[AgentSpec, ...] | Callable[[], tuple[AgentSpec, ...]] = ()
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
        return tuple(self.handoffs() if callable(self.handoffs) else self.handoffs)

    @cached_property
    def by_name(self) -> dict[str, Tool[..., Any]]:
        """Its tools and hand-overs by name."""
        tools = [*self.tools, *(_hand_over(target) for target in self.targets)]
        found: dict[str, Tool[..., Any]] = {}
        for tool in tools:
            if tool.name in found:
                raise ConfigurationError(f"agent {self.name!r}: two tools are named {tool.name!r}; rename one")
            found[tool.name] = tool
        return found


def _hand_over(target: AgentSpec) -> Tool[..., Any]:
    def transfer() -> HandOver:
        return HandOver(target.name)

    name = f"transfer_to_{target.name}"
    schema: Json = {"type": "object", "properties": {}, "additionalProperties": False}
    return Tool(
        transfer,
        name=name,
        description=f"Hand the conversation over to the agent {target.name}.",
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
