"""What `tools=` takes: functions, tools, bound methods, and objects with decorated methods."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any

from agentkit.errors import ConfigurationError

from .source import ToolSource
from .tool import Tool, made


def tools_of(things: Iterable[object]) -> tuple[Tool[..., Any], ...]:
    """Tools of functions, tools, bound methods and objects with decorated methods; sources are left to the run.

    Raises ConfigurationError when two have one name (S18).
    """
    if isinstance(things, str) or not hasattr(things, "__iter__"):
        raise ConfigurationError(f"tools={things!r}; give a list: tools=[...]")
    found: dict[str, Tool[..., Any]] = {}
    for thing in things:
        for tool in _tools_in(thing):
            other = found.setdefault(tool.name, tool)
            if other is not tool:
                raise ConfigurationError(
                    f"two tools are named {tool.name!r}: {other.place} and {tool.place}; "
                    "rename one with @tool(name=...)"
                )
    return tuple(found.values())


def _tools_in(thing: object) -> list[Tool[..., Any]]:
    if isinstance(thing, Tool):
        return [thing]
    if isinstance(thing, ToolSource) and not inspect.isclass(thing):
        return []
    function: Any = thing
    if inspect.isroutine(thing) or isinstance(thing, functools.partial):
        return [made(function, {}, {})]
    found = [getattr(thing, name) for name, value in inspect.getmembers(type(thing)) if isinstance(value, Tool)]
    if found:
        return found
    raise ConfigurationError(f"{thing!r} in tools= is {_kind(thing)}")


def _kind(thing: object) -> str:
    if not inspect.isclass(thing):
        remedy = "; an agent becomes a tool with agent.as_tool()" if hasattr(thing, "as_tool") else ""
        return f"neither a function nor an object with methods decorated with @tool{remedy}"
    if any(isinstance(value, Tool) for _, value in inspect.getmembers(thing)):
        return f"a class; give an object of it: {thing.__name__}(...)"
    return "a class without methods decorated with @tool; give functions, or objects with such methods"
