"""Agent: what a user writes. An immutable spec with verbs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, overload

from anyio.from_thread import start_blocking_portal
from typing_extensions import TypeForm, Unpack

from agentkit.chat import Settings
from agentkit.client import Retries
from agentkit.errors import ConfigurationError
from agentkit.journal import Session
from agentkit.models import Model, resolve
from agentkit.run.around import Middleware
from agentkit.run.checks import check_kinds, check_spec, in_list, refuse_keywords
from agentkit.run.input import RunInput, begin
from agentkit.run.limits import Limits
from agentkit.run.loop import execute, run_child
from agentkit.run.nested import agent_tool
from agentkit.run.result import RunResult
from agentkit.run.run import Emit, Journal, Run, Shared
from agentkit.run.spec import AgentSpec, Choose, Handoff, Instructions, Team
from agentkit.run.stopped import outside_the_run
from agentkit.run.stream import RunStream, SyncRunStream
from agentkit.run.sync import refuse_running_loop, run_in_thread_loop
from agentkit.tools import SchemaOptions, Tool, sources_of, tools_of

if TYPE_CHECKING:
    from agentkit.run.graph import Graph

Deps = TypeVar("Deps")
Out = TypeVar("Out", covariant=True)
D = TypeVar("D")
O = TypeVar("O")  # noqa: E741  the output type, as Out is the class's

Handoffs = Sequence["Agent[Any, Any] | Handoff"] | Callable[[], Sequence["Agent[Any, Any] | Handoff"]]


class AgentOptions(TypedDict, total=False):
    """The optional keywords of Agent, with their types."""

    name: str
    instructions: Instructions
    tools: Sequence[object]
    settings: Settings | None
    limits: Limits | None
    handoffs: Handoffs
    middleware: Sequence[Middleware]
    early_start: bool | None
    choose: Choose


class Changes(AgentOptions, total=False):
    """The keywords of replace and override that leave the agent's type as it is."""

    model: str | Model


class RunOptions(TypedDict, total=False):
    """The optional keywords of the verbs, with their types."""

    session: Session | None
    settings: Settings | None
    limits: Limits | None
    middleware: Sequence[Middleware]
    take_over: bool


class StreamOptions(RunOptions, total=False):
    """Those of the streaming verbs; nested: agents that run as tools are heard too, as AgentEvents."""

    nested: bool


_KEYWORDS = ("model", "deps", "output", *AgentOptions.__annotations__)


class Agent(Generic[Deps, Out]):
    """A model, tools and instructions; `run` answers with them.

    model: a name ("gpt-5": its endpoint and key come from the environment; "offline": the built-in OfflineModel)
    or any Model. deps: the type of what tools get as `ctx.deps`. output: str, or a type the answer is read as.
    Raises ConfigurationError at construction for anything that cannot work.
    """

    @overload
    def __init__(self: Agent[None, str], model: str | Model, **options: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(
        self: Agent[None, O], model: str | Model, *, output: TypeForm[O], **options: Unpack[AgentOptions]
    ) -> None: ...
    @overload
    def __init__(
        self: Agent[D, str], model: str | Model, *, deps: type[D], **options: Unpack[AgentOptions]
    ) -> None: ...
    @overload
    def __init__(
        self: Agent[D, O],
        model: str | Model,
        *,
        deps: type[D],
        output: TypeForm[O],
        **options: Unpack[AgentOptions],
    ) -> None: ...
    def __init__(
        self,
        model: str | Model,
        *,
        deps: Any = None,
        output: Any = str,
        name: str = "agent",
        instructions: Instructions = "",
        tools: Sequence[object] = (),
        settings: Settings | None = None,
        limits: Limits | None = None,
        handoffs: Handoffs = (),
        middleware: Sequence[Middleware] = (),
        early_start: bool | None = None,
        choose: Choose = "first",
        **unknown: object,
    ) -> None:
        refuse_keywords("Agent", unknown, _KEYWORDS)
        spec = AgentSpec(
            model=resolve(model),
            name=name,
            instructions=instructions,
            tools=tools_of(tools),
            sources=sources_of(tools),
            output_type=output,
            deps_type=deps,
            settings=Settings() if settings is None else settings,
            limits=Limits() if limits is None else limits,
            handoffs=_ways(handoffs),
            middleware=in_list(f"agent {name!r}", "middleware", middleware),
            early_start=early_start,
            choose=choose,
        )
        self._team = Team(spec, spec.limits)
        self._entered: list[AsyncExitStack] = []  # one for each block that holds it open
        self._override: ContextVar[Agent[Any, Any] | None] = ContextVar(f"override_{name}", default=None)
        check_spec(spec)

    @property
    def spec(self) -> AgentSpec:
        """What this agent is made of, an override included; `replace` makes another."""
        return self._active()._team.first

    @overload
    def replace(self, **changes: Unpack[Changes]) -> Agent[Deps, Out]: ...
    @overload
    def replace(self, *, output: TypeForm[O], **changes: Unpack[Changes]) -> Agent[Deps, O]: ...
    @overload
    def replace(self, *, deps: type[D], **changes: Unpack[Changes]) -> Agent[D, Out]: ...
    @overload
    def replace(self, *, deps: type[D], output: TypeForm[O], **changes: Unpack[Changes]) -> Agent[D, O]: ...
    def replace(self, **changes: Any) -> Agent[Any, Any]:
        """The same agent with other fields: `agent.replace(instructions="...")`."""
        spec = self.spec
        fields: dict[str, Any] = {
            "model": spec.model,
            "deps": spec.deps_type,
            "output": spec.output_type,
            "name": spec.name,
            "instructions": spec.instructions,
            "tools": (*spec.tools, *spec.sources),
            "settings": spec.settings,
            "limits": spec.limits,
            "middleware": spec.middleware,
            "early_start": spec.early_start,
            "choose": spec.choose,
        }
        refuse_keywords("agent.replace", changes, (*fields, "handoffs"))
        made: Agent[Any, Any] = Agent(**{**fields, **changes})
        if "handoffs" not in changes:
            made._team = Team(replace(made.spec, handoffs=spec.handoffs), made.spec.limits)
        return made

    @contextmanager
    def override(self, **changes: Unpack[Changes]) -> Generator[None]:
        """Inside the block this agent runs with other fields: `with agent.override(model=ScriptedModel([...])):`.

        Of agents that hand over to each other, override each: the first one's override reaches the others' too.
        """
        token = self._override.set((self._override.get() or self).replace(**changes))
        try:
            yield
        finally:
            self._override.reset(token)

    @overload
    async def run(self: Agent[None, O], input: RunInput, **options: Unpack[RunOptions]) -> RunResult[O]: ...
    @overload
    async def run(self: Agent[D, O], input: RunInput, *, deps: D, **options: Unpack[RunOptions]) -> RunResult[O]: ...
    async def run(self, input: RunInput, *, deps: Any = None, **options: Unpack[RunOptions]) -> RunResult[Any]:
        """Run until there is an answer or a call waits. Raises AgentKitError with the state to continue from.

        input: text, content parts, messages, a RunState to go on from, or None to go on in the session.
        """
        with outside_the_run():
            return await execute(await self._prepare(input, deps, None, False, **options))

    @overload
    def run_sync(self: Agent[None, O], input: RunInput, **options: Unpack[RunOptions]) -> RunResult[O]: ...
    @overload
    def run_sync(self: Agent[D, O], input: RunInput, *, deps: D, **options: Unpack[RunOptions]) -> RunResult[O]: ...
    def run_sync(self, input: RunInput, *, deps: Any = None, **options: Unpack[RunOptions]) -> RunResult[Any]:
        """`run` for code without an event loop; inside one it raises ConfigurationError."""
        refuse_running_loop("run_sync", "`await agent.run(...)`")

        async def main() -> RunResult[Any]:
            return await execute(await self._prepare(input, deps, None, False, **options))

        with outside_the_run():
            return run_in_thread_loop(main(), self._active()._team)

    @overload
    def stream(self: Agent[None, O], input: RunInput, **options: Unpack[StreamOptions]) -> RunStream[O]: ...
    @overload
    def stream(self: Agent[D, O], input: RunInput, *, deps: D, **options: Unpack[StreamOptions]) -> RunStream[O]: ...
    def stream(self, input: RunInput, *, deps: Any = None, **options: Unpack[StreamOptions]) -> RunStream[Any]:
        """The events of a run: `async with agent.stream(...) as run: async for event in run: ...`.

        Leaving the block cancels the run.
        """

        async def prepare(emit: Emit) -> Run:
            return await self._prepare(input, deps, emit, True, **options)

        return RunStream(prepare)

    @overload
    def stream_sync(self: Agent[None, O], input: RunInput, **options: Unpack[StreamOptions]) -> SyncRunStream[O]: ...
    @overload
    def stream_sync(
        self: Agent[D, O], input: RunInput, *, deps: D, **options: Unpack[StreamOptions]
    ) -> SyncRunStream[O]: ...
    def stream_sync(self, input: RunInput, *, deps: Any = None, **options: Unpack[StreamOptions]) -> SyncRunStream[Any]:
        """`stream` for code without an event loop; the run lives in a helper thread."""
        refuse_running_loop("stream_sync", "`async with agent.stream(...)`")
        stream: RunStream[Any] = RunStream(lambda emit: self._prepare(input, deps, emit, True, **options))
        return SyncRunStream(start_blocking_portal(), stream)

    def as_tool(
        self, name: str | None = None, description: str | None = None, **options: Unpack[SchemaOptions]
    ) -> Tool[..., Any]:
        """This agent as a tool of another: it gets one text and gives back its output.

        options: those of `tool`. A call that waits inside it pauses the caller.
        """
        about = description or f"Ask the agent {self.spec.name}."
        return agent_tool(self.spec, name or self.spec.name, about, **options)

    def graph(self) -> Graph:
        """The agents that this one reaches, and their tools, as a picture: `.mermaid`, `.svg()`."""
        from agentkit.run.graph import graph_of  # who draws nothing need not load it

        return graph_of(self.spec)

    async def __aenter__(self) -> Agent[Deps, Out]:
        team = self._active()._team
        async with AsyncExitStack() as stack:
            for held in (*team.closable, *team.sources):
                await stack.enter_async_context(held)
            self._entered.append(stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._entered.pop().__aexit__(kind, error, trace)

    def _active(self) -> Agent[Any, Any]:
        return self._override.get() or self

    async def _prepare(
        self,
        input: RunInput,
        deps: Any,
        emit: Emit | None,
        stream: bool,
        **options: Unpack[StreamOptions],
    ) -> Run:
        refuse_keywords(
            "agent.run", options, ("deps", *(StreamOptions if stream else RunOptions).__annotations__), _KEYWORDS
        )
        spec = self.spec
        session, settings, limits = options.get("session"), options.get("settings"), options.get("limits")
        middleware = in_list("agent.run", "middleware", options.get("middleware", ()))
        check_kinds("agent.run", settings, limits, middleware)
        if settings is not None:
            spec = replace(spec, settings=spec.settings.merged(settings))
        team = self._active()._team if settings is None else Team(spec, spec.limits)
        if spec.deps_type is not None and deps is None:
            kind = getattr(spec.deps_type, "__name__", spec.deps_type)
            raise ConfigurationError(f"agent {spec.name!r} was made with deps={kind}: give the run deps=...")
        state = await begin(input, session, team)
        journal = Journal(state, session.store if session is not None else None)
        streams = stream or spec.early_start is True
        take_over = options.get("take_over", False)
        team = team.with_limits(limits)
        layers, retries = (*spec.middleware, *middleware), Retries(team.limits.retries)
        nested = options.get("nested", False)
        shared = Shared(journal, deps, emit, layers, streams, run_child, retries, take_over, nested)
        return Run(team, shared)

    def __repr__(self) -> str:
        return f"Agent({self.spec.name!r}, tools={[tool.name for tool in self.spec.tools]})"


def _ways(handoffs: Handoffs) -> tuple[Handoff, ...] | Callable[[], tuple[Handoff, ...]]:
    if callable(handoffs):
        later: Callable[[], Iterable[object]] = handoffs
        return lambda: tuple(map(_way, in_list("Agent", "handoffs", later())))
    return tuple(map(_way, in_list("Agent", "handoffs", handoffs)))


def _way(to: Any) -> Handoff:
    if isinstance(to, Handoff):
        return to
    if not isinstance(getattr(to, "spec", None), AgentSpec):
        raise ConfigurationError(
            f"handoffs= holds {to!r}; give agents or Handoff(agent, ...), or a function that returns them"
        )
    return Handoff(to)
