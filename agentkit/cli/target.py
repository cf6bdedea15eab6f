"""TARGET: an agent in a module or a file, found by its name."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from typing_extensions import TypeIs

from agentkit.agent import Agent
from agentkit.errors import AgentKitError, ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """An agent, and the module it stands in."""

    agent: Agent[Any, Any]
    module: ModuleType
    place: str

    def deps(self, name: str | None) -> Any:
        """What the agent's tools get: a value of the module by name, or what a function or class there makes."""
        wanted = self.agent.spec.deps_type
        if name is None:
            if wanted is None:
                return None
            kind = getattr(wanted, "__name__", wanted)
            raise ConfigurationError(
                f"agent {self.agent.spec.name!r} takes deps of type {kind}: give --deps NAME, the name in {self.place} "
                f"of a {kind} or of a function that makes one"
            )
        value = _found(self.module, self.place, name, object)
        return _made(value, f"--deps {name}") if callable(value) else value


def target_at(text: str) -> Target:
    """The agent that a TARGET names. Raises ConfigurationError that says what was looked for and what is there."""
    place, name = _split(text)
    module = _module(place)
    if not name:
        return Target(_only_agent(module, place), module, place)
    value = _found(module, place, name, Agent)
    if not _is_agent(value) and callable(value):
        value = _made(value, text)
    if _is_agent(value):
        return Target(value, module, place)
    what = f"{name} in {place} is {type(value).__name__}, no agent"
    raise ConfigurationError(f"{what}; {_there(place, _named(module, Agent))}")


def all_at(text: str, kind: type[T], example: str) -> dict[str, T]:
    """Everything of a kind in the module or file that a text names, or the one it names behind a colon.

    Raises ConfigurationError; `example` shows how one is made.
    """
    place, name = _split(text)
    module = _module(place)
    found: dict[str, T] = _named(module, kind)
    chosen = {name: found[name]} if name in found else {} if name else found
    if not chosen:
        there = f"there: {', '.join(found)}" if found else f"make one at the top level: {example}"
        raise ConfigurationError(f"there is no {kind.__name__} {repr(name) + ' ' if name else ''}in {place}; {there}")
    return chosen


def _split(text: str) -> tuple[str, str]:
    place, _, name = text.rpartition(":")
    return (place, name) if place and name.replace(".", "_").isidentifier() else (text, "")


def _is_agent(thing: object) -> TypeIs[Agent[Any, Any]]:
    return isinstance(thing, Agent)


def _module(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" or len(path.parts) > 1:
        return _file(path)
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` does
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise _not_imported(place, error) from error
        near = [*Path.cwd().glob("*.py")]
        raise ConfigurationError(
            f"there is no module {place!r} here or among the installed ones; {_nearest(place, (p.stem for p in near))}"
        ) from None
    except Exception as error:  # whatever the user's module does
        raise _not_imported(place, error) from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        folder = path.parent if path.parent.is_dir() else Path()
        names = (str(other) for other in sorted(folder.glob("*.py")))
        raise ConfigurationError(f"there is no file {str(path)!r}; {_nearest(str(path), names)}")
    sys.path.insert(0, str(path.parent.resolve()))  # as `python file.py` does
    name = f"target_{path.stem}"  # a file of any name takes no other module's place
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path} is no Python file; give a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file does
        raise _not_imported(str(path), error) from error
    return module


def _not_imported(place: str, error: Exception) -> ConfigurationError:
    """Where in the user's code it went wrong; a message of ours says what to do itself."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    mine = [frame for frame in frames if Path(__file__).parent.parent not in Path(frame.filename).parents]
    where = f" ({mine[-1].filename}:{mine[-1].lineno})" if mine else ""
    kind = "" if isinstance(error, AgentKitError) else f"{type(error).__name__}: "
    return ConfigurationError(f"{place} could not be imported: {kind}{error}{where}")


def _named(module: ModuleType, kind: type) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if isinstance(value, kind) and not name.startswith("_")}


def _found(module: ModuleType, place: str, name: str, kind: type) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            found = _named(module, kind)
            remedy = _there(place, found) if kind is Agent else _alike(name, found)
            raise ConfigurationError(f"there is no {name!r} in {place}; {remedy}")
        value = getattr(value, part)
    return value


def _only_agent(module: ModuleType, place: str) -> Agent[Any, Any]:
    agents: dict[str, Agent[Any, Any]] = _named(module, Agent)
    if len({id(agent) for agent in agents.values()}) == 1:
        return next(iter(agents.values()))
    number = "more than one agent" if agents else "no agent"
    raise ConfigurationError(f"there is {number} in {place}; {_there(place, agents)}")


def _there(place: str, found: dict[str, Any]) -> str:
    agents = [name for name, value in found.items() if isinstance(value, Agent)]
    if not agents:
        return "no agent stands there; make one at the top level: agent = Agent(...)"
    return f"agents there: {', '.join(agents)}; write {place}:{agents[0]}"


def _alike(name: str, found: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, found, 1)
    return f"did you mean {near[0]}?" if near else "name a value of it, or a function or class that makes one"


def _nearest(name: str, names: Iterable[str]) -> str:
    known = [*names]
    near = difflib.get_close_matches(name, known, 1) or known[:1]
    if not near:
        return "there are no Python files; change to the project's folder, or give a path"
    return f"Python files there: {', '.join(known[:8])}; did you mean {near[0]}?"


def _made(function: Any, what: str) -> Any:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{what} cannot be called without arguments; name a value or such a function"
        ) from None
    return function()
