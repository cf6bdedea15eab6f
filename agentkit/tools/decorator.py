"""The decorator: a function becomes a tool."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from typing_extensions import Unpack

from agentkit.chat import Json
from agentkit.errors import ConfigurationError

from .tool import Tool, ToolOptions, caller_names, made

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class _Decorator:
    """`@tool(...)` with options, waiting for its function."""

    def __init__(self, options: ToolOptions) -> None:
        self._options = options

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Tool[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> Tool[P, R]: ...
    def __call__(self, function: Callable[..., Any]) -> Tool[..., Any]:
        return _made_method_aware(function, self._options, caller_names(2))


@overload
def tool(function: Callable[P, R], /, **options: Unpack[ToolOptions]) -> Tool[P, R]: ...
@overload
def tool(**options: Unpack[ToolOptions]) -> _Decorator: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Unpack[ToolOptions]) -> Any:
    """Make a function a tool: `@tool`, `@tool(effect="read", ...)` or `tool(function, ...)`; options: `ToolOptions`.

    Raises ConfigurationError at decoration for what a model could not call.
    """
    if function is None:
        return _Decorator(options)
    return _made_method_aware(function, options, caller_names(2))


def _made_method_aware(function: Callable[..., Any], options: ToolOptions, names: Json) -> Tool[..., Any]:
    """A method is decorated before it has its `self`: read the signature without it."""
    if isinstance(function, Tool):  # decorated before: the new options come on top
        if function.given is None or function.function is None:
            raise ConfigurationError(f"{function.place} is a tool already; give its options where it is made")
        again: ToolOptions = {**function.given, **options}
        return _made_method_aware(function.function, again, names)
    if inspect.isclass(function) or inspect.isbuiltin(function) or not callable(function):
        return made(function, options, names)  # which refuses what cannot be a tool
    parameters = list(inspect.signature(function).parameters)
    if not parameters or parameters[0] != "self" or inspect.ismethod(function):
        return made(function, options, names)

    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    signature = inspect.signature(function)
    rest = list(signature.parameters.values())[1:]
    method.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    tool = made(method, options, names)
    tool.function = function
    return tool
