"""Service: what is served, and to whom what belongs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from starlette.requests import Request

from agentkit.agent import Agent
from agentkit.client.secret import Secret, api_key
from agentkit.errors import ConfigurationError
from agentkit.journal import MemoryStore, Session, Store
from agentkit.models import OfflineModel, RemoteModel

from .failure import Refusal
from .guard import Reach
from .paused import Parking

AnyAgent = Agent[Any, Any]
Agents = AnyAgent | Sequence[AnyAgent] | Mapping[str, AnyAgent]
Deps = object | Callable[[Request], object | Awaitable[object]]
ID_PATTERN = "[A-Za-z0-9_-]{1,128}"  # of sessions, runs and completions (S12)
ID = re.compile(rf"{ID_PATTERN}\Z")


@dataclass(frozen=True, eq=False)
class Service:
    """What every route gets: the agents by name, where journals are kept, who may ask, and how much."""

    agents: Mapping[str, AnyAgent]
    store: Store = field(default_factory=MemoryStore)
    keys: tuple[Secret, ...] = ()
    page_token: Secret | None = None
    hosts: tuple[str, ...] = ()
    reach: Reach = field(default_factory=Reach)
    deps: Deps = None
    client_instructions: Literal["append", "refuse"] = "append"
    parking: Parking = field(default_factory=Parking)

    @classmethod
    def of(
        cls,
        agents: Agents,
        *,
        keys: Iterable[str] = (),
        page_token: str | None = None,
        store: Store | None = None,
        reach: Reach | None = None,
        **options: Any,
    ) -> Service:
        """A service out of what a user gives. Raises ConfigurationError for what cannot be served."""
        if isinstance(keys, str):
            raise ConfigurationError("keys= is one text; give a list of keys: keys=[...]")
        secrets = tuple(api_key(key, "keys") for key in keys)
        token = None if page_token is None else api_key(page_token, "page_token")
        named = _by_name(agents)
        lacking = next((name for name, agent in named.items() if agent.spec.deps_type is not None), None)
        if lacking is not None and options.get("deps") is None:
            raise ConfigurationError(f"agent {lacking!r} was made with deps=; give the server deps=..., or a function")
        reach = reach or Reach()
        parking = Parking(reach.paused, reach.kept)
        store = MemoryStore() if store is None else store
        return cls(named, store, secrets, token, reach=reach, parking=parking, **options)

    def owner(self, request: Request) -> str:
        """Whose request it is: a name made from its key, the first part of every journal's name."""
        return str(request.scope["state"]["owner"])

    def request_id(self, request: Request) -> str:
        """The id under which the log tells of this request."""
        return str(request.scope["state"]["request_id"])

    def agent(self, name: str) -> AnyAgent:
        """The agent of this name. Raises Refusal."""
        found = self.agents.get(name)
        if found is None:
            raise Refusal(404, f"the model {name[:200]!r} does not exist", param="model", code="model_not_found")
        return found

    def session(self, request: Request, id: str) -> Session:
        """The owner's session of this id. Raises Refusal for what is no id."""
        return Session(self.store, self.journal(request, "sessions", id))

    def journal(self, request: Request, kind: str, id: str) -> str:
        """The name of a journal of the request's owner. Raises Refusal for what is no id."""
        if not ID.match(id):
            raise Refusal(400, f"an id of {kind} is 1 to 128 of A-Z a-z 0-9 _ -", param="id", code="invalid_id")
        return f"{self.owner(request)}/{kind}/{id}"

    async def deps_for(self, agent: AnyAgent, request: Request) -> Any:
        """What the agent's tools get as `ctx.deps`; None for an agent without."""
        if agent.spec.deps_type is None:
            return None
        deps = cast("Any", self.deps)
        if not callable(deps):
            return deps
        made = deps(request)
        return await made if inspect.isawaitable(made) else made


def pass_through(name: str) -> Agent[None, str]:
    """A model alone, to be served under its own name: everything of a request goes on to it, the client's tools too.

    "offline" is the built-in model; every other name is asked at the configured endpoint.
    """
    model = OfflineModel() if name == "offline" else RemoteModel(name, transport="aiohttp")
    return Agent(model, name=name)


def _by_name(agents: Agents) -> dict[str, AnyAgent]:
    if isinstance(agents, Mapping):
        found = dict(agents)
    else:
        listed = [agents] if isinstance(agents, Agent) else list(agents)
        found = {}
        for agent in listed:
            if not isinstance(cast("object", agent), Agent):
                raise ConfigurationError(f"{agent!r} is no agent; serve an Agent, several, or {{name: agent}}")
            if agent.spec.name in found:
                raise ConfigurationError(
                    f"two agents are named {agent.spec.name!r}; give one another name=, or serve {{name: agent}}"
                )
            found[agent.spec.name] = agent
    if not found:
        raise ConfigurationError("there is nothing to serve; give an agent")
    wrong = next((name for name, agent in found.items() if not isinstance(cast("object", agent), Agent)), None)
    if wrong is not None:
        raise ConfigurationError(f"{wrong!r} is served by {found[wrong]!r}, which is no agent")
    return found
