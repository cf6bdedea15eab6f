"""What can be wrong with an agent, found when it is made: what, where and the remedy."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable
from typing import Any, TypeVar, cast, get_origin

from agentkit.chat import Settings, is_json
from agentkit.errors import ConfigurationError, refuse_other_signature, refuse_unknown_keywords

from .around import Middleware
from .limits import Limits
from .spec import AgentSpec

T = TypeVar("T")
CHOICES = ("first", "most_confident", "majority")


def check_spec(spec: AgentSpec) -> None:
    """Raise ConfigurationError for an agent that cannot work."""
    where = f"agent {spec.name!r}"
    if not isinstance(cast("object", spec.name), str):
        raise ConfigurationError(f"{where}: name={spec.name!r}; give a text")
    if not isinstance(spec.instructions, str) and not callable(spec.instructions):
        raise ConfigurationError(f"{where}: instructions={spec.instructions!r}; give a text, or a function of Context")
    if callable(spec.instructions):
        refuse_other_signature(f"{where}: instructions=", spec.instructions, "ctx")
    if callable(spec.choose):
        refuse_other_signature(f"{where}: choose=", spec.choose, "choices")
    elif spec.choose not in CHOICES:
        raise ConfigurationError(f"{where}: choose={spec.choose!r}; use {', '.join(map(repr, CHOICES))} or a function")
    check_kinds(where, spec.settings, spec.limits, spec.middleware)
    if isinstance(spec.output_type, str):
        raise ConfigurationError(f"{where}: output={spec.output_type!r} is a text; give the type itself, not its name")
    if is_json(spec.output_type):
        raise ConfigurationError(f"{where}: output={spec.output_type!r} is a dict; give a type, not its schema")
    if spec.output_type is None or inspect.isroutine(spec.output_type):
        raise ConfigurationError(f"{where}: output={spec.output_type!r} is no type; give one, or str for plain text")
    _ = spec.output
    _check_deps(spec, where)
    if not callable(spec.handoffs):
        _ = spec.by_name


def check_kinds(where: str, settings: object, limits: object, middleware: Iterable[object]) -> None:
    """Raise ConfigurationError where something else was given than what the keyword takes."""
    if not isinstance(settings, Settings | None):
        raise ConfigurationError(f"{where}: settings={settings!r}; give Settings(temperature=0, ...)")
    if not isinstance(limits, Limits | None):
        raise ConfigurationError(f"{where}: limits={limits!r}; give Limits(turns=20, ...)")
    for layer in middleware:
        if not isinstance(layer, Middleware):
            remedy = f"{layer.__name__}(...)" if isinstance(layer, type) else "an instance of a subclass of Middleware"
            raise ConfigurationError(f"{where}: middleware={layer!r}; give {remedy}")
        for method in ("around_run", "around_model", "around_tool"):
            if getattr(type(layer), method) is not getattr(Middleware, method):
                around = getattr(layer, method)
                refuse_other_signature(f"{where}: {type(layer).__name__}.{method}", around, "call", "proceed")


def in_list(where: str, keyword: str, given: Iterable[T]) -> tuple[T, ...]:
    """What a keyword holds, as a tuple. Raises ConfigurationError when it is one thing instead of a list."""
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise ConfigurationError(f"{where}: {keyword}={given!r}; give a list: {keyword}=[...]")
    return tuple(given)


def refuse_keywords(
    call: str, given: Iterable[str], known: Collection[str], of_the_agent: Collection[str] = ()
) -> None:
    """Raise TypeError for a keyword that does not exist, naming the nearest one, or what does take it."""
    for name in given:
        if name in known:
            continue
        if name in ("base_url", "api_key"):
            raise TypeError(f"{call} has no keyword {name!r}; give the model as RemoteModel(name, {name}=...)")
        if name in of_the_agent:
            raise TypeError(f"{call} has no keyword {name!r}; it is the agent's: agent.replace({name}=...)")
        if name in Settings.model_fields:
            raise TypeError(f"{call} has no keyword {name!r}; give settings=Settings({name}=...)")
    refuse_unknown_keywords(call, given, known)


def _check_deps(spec: AgentSpec, where: str) -> None:
    deps: Any = spec.deps_type
    if deps is not None and not isinstance(deps, type) and get_origin(deps) is None:
        raise ConfigurationError(
            f"{where}: deps= takes the type, deps={type(deps).__name__}; the value goes to agent.run(..., deps=...)"
        )
    for tool in spec.tools:
        wanted = tool.deps_type
        if wanted is None or not isinstance(wanted, type) or wanted in (object, type(None), Any):
            continue
        if deps is None:
            raise ConfigurationError(
                f"tool {tool.name!r} takes Context[{wanted.__name__}], but {where} has no deps; "
                f"give Agent(..., deps={wanted.__name__}), and each run its value"
            )
        if isinstance(deps, type) and not issubclass(deps, wanted):
            raise ConfigurationError(
                f"tool {tool.name!r} takes Context[{wanted.__name__}], but {where} has "
                f"deps={deps.__name__}; give both the same type"
            )
