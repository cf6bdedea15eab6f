"""Middleware: layers around the run, each model request and each tool call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, TypeVar, cast

from agentkit.chat import ChatCompletion, ChatRequest, CompletionUsage, Message
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState
from agentkit.models import Model
from agentkit.tools import Arguments, Context, Tool

from .events import ToolUse
from .result import RunResult

V = TypeVar("V")
R = TypeVar("R")
Proceed = Callable[[V], Awaitable[R]]
_RETURNED: dict[str, type[object]] = {"around_run": RunResult, "around_model": ChatCompletion, "around_tool": object}


@dataclass(frozen=True, slots=True)
class RunCall:
    """What `around_run` sees: the run's input messages and its context.

    conversation: the id of the journal, which is its session's. inside: the call that the agent runs as, for an agent
    that is a tool of another; its run lies inside the other's. state: gives the run's state as it stands.
    """

    messages: tuple[Message, ...]
    context: Context[Any]
    conversation: str = ""
    inside: ToolUse | None = None
    state: Callable[[], RunState] = RunState


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What `around_model` sees. To change the request, proceed with `dataclasses.replace(call, request=...)`.

    model: who is asked instead of the agent's model, by a layer that needs an answer for itself; it is not streamed.
    """

    request: ChatRequest
    context: Context[Any]
    compact: Compact
    model: Model | None = None


class Compact(Protocol):
    """The one entry that a layer may write: the first `up_to` messages of `context.messages` are replaced, in the view.

    The request of this call stays as it is; proceed with one over the new `context.messages`. usage: what a summary
    cost. Raises ConfigurationError where a call would be parted from its result.
    """

    def __call__(self, up_to: int, *messages: Message, usage: CompletionUsage | None = None) -> None:
        """Replace them from here on."""
        ...


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What `around_tool` sees: the tool, its valid arguments, the context of this call."""

    tool: Tool[..., Any]
    arguments: Arguments
    context: Context[Any]


class Middleware:
    """Override what you need; each method gets a value and `proceed`, and returns what proceed returned."""

    async def around_run(self, call: RunCall, proceed: Proceed[RunCall, RunResult[Any]]) -> RunResult[Any]:
        """Around the whole run, and around the run of each agent that is called as a tool (`call.inside`)."""
        return await proceed(call)

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """Around each model request; it may be asked again."""
        return await proceed(call)

    async def around_tool(self, call: ToolRun, proceed: Proceed[ToolRun, object]) -> object:
        """Around each tool call; a write tool runs at most once however often proceed is called."""
        return await proceed(call)


def onion(layers: tuple[Middleware, ...], method: str, core: Proceed[V, R]) -> Proceed[V, R]:
    """`core` wrapped in every layer that overrides the method, the first layer outermost."""

    def wrap(inner: Proceed[V, R], layer: Middleware) -> Proceed[V, R]:
        around = getattr(layer, method)

        async def proceed(value: V) -> R:
            result: object = around(value, inner)
            if inspect.isawaitable(result):
                result = cast("object", await result)
                if isinstance(result, _RETURNED[method]) and not inspect.iscoroutine(result):
                    return cast("R", result)
            if inspect.iscoroutine(result):
                result.close()
            raise ConfigurationError(
                f"{type(layer).__name__}.{method} returned {type(result).__name__}; "
                "write `async def`, and return what `await proceed(call)` gives"
            )

        return proceed

    if not layers:
        return core
    plain = getattr(Middleware, method)
    return reduce(wrap, [layer for layer in reversed(layers) if getattr(type(layer), method) is not plain], core)
