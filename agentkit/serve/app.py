"""The application: the routes behind the guard, and the server that runs it."""

from __future__ import annotations

import ipaddress
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.errors import ConfigurationError
from agentkit.journal import Store

from . import completions, conversations, decisions, page, runs, stored
from .description import description
from .failure import Refusal, refused
from .guard import Guard, Reach
from .service import Agents, Deps, Service

KEYS = "AGENTKIT_SERVE_KEYS"  # separated by commas


def create_app(
    agents: Agents,
    *,
    store: Store | None = None,
    keys: Iterable[str] = (),
    page_token: str | None = None,
    hosts: Iterable[str] = (),
    reach: Reach | None = None,
    deps: Deps = None,
    client_instructions: Literal["append", "refuse"] = "append",
) -> Starlette:
    """An ASGI application that serves agents under their names; one `Agent`, several, or `{name: agent}`.

    store: where sessions, stored completions and runs that wait are kept (None: in memory). keys: who may ask; no
    keys, no questions. page_token: what the page's routes ask for where there are no keys (S9). hosts: names of this
    server beside localhost and addresses. deps: what the agents' tools get, or a function of the request that makes
    it. client_instructions: "append" puts system and developer messages of clients after the agent's instructions,
    "refuse" answers them with 400.
    """
    service = Service.of(
        agents,
        store=store,
        keys=keys,
        page_token=page_token,
        hosts=tuple(hosts),
        reach=reach,
        deps=deps,
        client_instructions=client_instructions,
    )

    live = runs.Runs(service)
    keyed, token = service.keys, service.page_token
    guard = Middleware(Guard, keys=keyed, page_token=token, hosts=service.hosts, reach=service.reach)
    handlers = {HTTPException: refused, Refusal: refused}
    routes, lifespan = _routes(service, live), _lifespan(service, live)
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers, lifespan=lifespan)
    app.state.service, app.state.runs = service, live
    return app


def _lifespan(service: Service, live: runs.Runs) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:  # connections of the models are kept as long as the server lives
            for agent in service.agents.values():
                await stack.enter_async_context(agent)
            await stack.enter_async_context(live)
            yield

    return lifespan


def _routes(service: Service, live: runs.Runs) -> list[Route]:
    api = [*completions.routes(service), *stored.routes(service), *decisions.routes(service)]
    ours = [*runs.routes(live), *conversations.routes(live), *page.routes()]

    async def described(request: Request) -> Response:
        return JSONResponse(description(service))

    return [Route("/healthz", _health), Route("/openapi.json", described), *api, *ours]


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def serve(
    served: Starlette | Agents,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    store: Store | None = None,
    keys: Iterable[str] | None = None,
    hosts: Iterable[str] = (),
    deps: Deps = None,
    insecure: bool = False,
) -> None:
    """Serve agents, or an application of `create_app`, until it is interrupted.

    keys: None takes those of AGENTKIT_SERVE_KEYS; without any the page has a token, told with its address (S9). Raises
    ConfigurationError for a host beyond this machine without keys, unless `insecure`, which is warned of (S10).
    """
    from .listening import listen  # asyncio's machinery, and only a server needs it

    if not isinstance(served, Starlette):
        known = os.environ.get(KEYS, "").split(",") if keys is None else keys
        named = [*hosts, *([] if _is_address(host) else [host])]
        given, token = [key for key in known if key.strip()], secrets.token_urlsafe(24)
        served = create_app(served, store=store, keys=given, page_token=token, hosts=named, deps=deps)
    service: Service = served.state.service
    _check_bind(host, service, insecure)
    token = "" if service.keys or service.page_token is None else service.page_token.reveal()
    listen(served, host, port, token)


def _check_bind(host: str, service: Service, insecure: bool) -> None:
    if service.keys or host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback):
        return
    if not insecure:
        raise ConfigurationError(
            f"{host} can be reached from other machines, and no keys are set: set {KEYS}, or serve on 127.0.0.1"
        )
    print(f"agentkit: WARNING: anyone who reaches {host} can use these agents; no keys are set.", file=sys.stderr)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
