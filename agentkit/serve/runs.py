"""Runs that live in the server, whoever looks on, and the endpoint of their events."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agentkit.chat import ChatCompletion, Json, Usage
from agentkit.chat.wire import configuration_error
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState
from agentkit.middleware.prices import cost, cost_of
from agentkit.run import Event, Middleware, ModelCall, RunStream, event_json
from agentkit.run.around import Proceed

from .asked import invalid, read_json
from .failure import Refusal, refusal_for
from .log import RunLog
from .service import ID, ID_PATTERN, AnyAgent, Service

KEPT = 300.0  # seconds for which the events of a run can be read after its end
KEPT_BYTES = 32 * 1024 * 1024  # of such events; the run that ended first is forgotten first


@dataclass(eq=False)
class LiveRun:
    """A run of this server: what it told so far, and the handle to stop it."""

    owner: str
    session: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    log: RunLog = field(default_factory=RunLog)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    begun: anyio.Event = field(default_factory=anyio.Event)  # it told something, or could not begin
    error: Exception | None = None  # why it could not begin
    ended: float | None = None

    async def tell(self, event: Event) -> None:
        """Write an event of the run down."""
        self._add(event_json(event))

    def note(self, event: str, **fields: object) -> None:
        """Write an event of the server down."""
        self._add(to_json({"event": event, **fields}, fallback=str).decode())

    def _add(self, event: str) -> None:
        self.log.add(event)
        self.begun.set()

    async def live(self, stream: RunStream[Any]) -> None:
        """Run to the end; whatever the end is, it is told."""
        try:
            with self.scope:
                await stream.tell(self.tell)
            if self.scope.cancelled_caught:
                self.note("RunCancelled")
        except Exception as error:
            if self.begun.is_set():
                refusal = refusal_for(error, self.id)
                self.note("RunFailed", error=str(refusal), code=refusal.code)
            else:
                self.error = error
        finally:
            self.log.close()
            self.ended = time.monotonic()
            self.begun.set()


class Start(BaseModel):
    """The body that begins a run. input: null goes on in the session. session: None makes a new one."""

    agent: str
    input: str | None = Field(min_length=1)
    session: str | None = Field(default=None, pattern=f"^{ID_PATTERN}$")


class ModelSpans(Middleware):
    """Tells when each model request begins and ends: the deltas between them do not say so."""

    stream: RunStream[Any]  # of the run; it is made with this layer in it

    def __init__(self, run: LiveRun) -> None:
        self._run, self._requests = run, 0

    async def around_model(self, call: ModelCall, proceed: Proceed[ModelCall, ChatCompletion]) -> ChatCompletion:
        """Around each model request, those of agents that run as tools too: their `turn` is null."""
        self._requests += 1
        state = self.stream.state
        own = state is not None and state.run_id == call.context.run_id
        request: Json = {"request": self._requests, "turn": state.turn if state is not None and own else None}
        self._run.note("ModelStarted", **request, agent=call.context.agent, model=call.request.model)
        try:
            completion = await proceed(call)
        except BaseException as error:
            self._run.note("ModelFinished", **request, error=type(error).__name__)
            raise
        reason = next((choice.finish_reason for choice in completion.choices), None)
        usage = None if completion.usage is None else completion.usage.to_json()
        told = {"usage": usage, "cost": _cost(completion), "finish_reason": reason}
        self._run.note("ModelFinished", **request, **told)
        return completion


def _cost(completion: ChatCompletion) -> float | None:
    """US dollars: what the provider says, or its price in the table; None where neither is known."""
    usage = completion.usage
    said = (usage.__pydantic_extra__ or {}).get("cost") if usage is not None else None
    if isinstance(said, int | float):
        return float(said)
    try:
        spent = cost_of([completion])
    except ConfigurationError:  # the table is an extra
        return None
    return None if spent is None else float(spent)


def _read_prices() -> None:
    """The table of prices takes half a second to read, in which no run should stand still."""
    with suppress(ConfigurationError):
        cost("", Usage())


class Runs:
    """The runs of one server by their ids. `async with` gives them the task group that they live in."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.kept = KEPT
        self._runs: dict[str, LiveRun] = {}
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Runs:
        await anyio.to_thread.run_sync(_read_prices)
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        group, self._group = self._group, None
        if group is not None:
            group.cancel_scope.cancel()
            await group.__aexit__(kind, error, trace)

    async def start(self, request: Request, agent: AnyAgent, session: str, given: str | RunState | None) -> LiveRun:
        """Begin a run on the owner's session. Raises what keeps it from beginning, and Refusal."""
        self._forget()
        stored, run = self.service.session(request, session), LiveRun(self.service.owner(request), session)
        if self.of(run.owner, session) is not None:
            told = "a run is at work in this session: wait for its end, or cancel it"
            raise Refusal(409, told, code="session_conflict")
        if sum(run.ended is None for run in self._runs.values()) >= self.service.reach.concurrent:
            raise Refusal(429, "too many runs at a time; try again", code="busy", headers={"retry-after": "1"})
        spans, deps = ModelSpans(run), await self.service.deps_for(agent, request)
        spans.stream = agent.stream(given, deps=deps, session=stored, middleware=[spans], nested=True)
        if self._group is None:
            raise Refusal(503, "the server does not run yet, or no longer")
        self._runs[run.id] = run
        self._group.start_soon(run.live, spans.stream)
        await run.begun.wait()
        if run.error is not None:
            del self._runs[run.id]
            raise run.error
        return run

    def get(self, request: Request) -> LiveRun:
        """The owner's run that the path names. Raises Refusal."""
        self._forget()
        id = request.path_params["run"]
        run = self._runs.get(id) if ID.match(id) else None
        if run is None or run.owner != self.service.owner(request):
            raise Refusal(404, "there is no such run; it may have ended some time ago", code="run_not_found")
        return run

    def of(self, owner: str, session: str, *, ended: bool = False) -> LiveRun | None:
        """The run that is at work in a session; with `ended` also one that is over and still known."""
        found = [run for run in self._runs.values() if (run.owner, run.session) == (owner, session)]
        return next((run for run in reversed(found) if ended or run.ended is None), None)

    def _forget(self) -> None:
        """Forget the runs that ended long ago, and the oldest of those that ended when there are too many."""
        over = sorted((run for run in self._runs.values() if run.ended is not None), key=lambda run: run.ended or 0)
        size = sum(run.log.size for run in over)
        for run in over:
            if time.monotonic() - (run.ended or 0) > self.kept or size > KEPT_BYTES:
                size -= run.log.size
                del self._runs[run.id]


def routes(runs: Runs) -> list[Route]:
    """Start a run, read its events, cancel it."""
    service = runs.service

    async def agents(request: Request) -> Response:
        return JSONResponse({"agents": [_agent_json(name, agent) for name, agent in service.agents.items()]})

    async def start(request: Request) -> Response:
        try:
            asked = Start.model_validate(await read_json(request))
        except ValidationError as error:
            raise invalid(configuration_error("body", error), str(error.errors()[0]["loc"][0])) from None
        session, agent = asked.session or uuid.uuid4().hex, service.agent(asked.agent)
        if asked.input is None and not await service.session(request, session).entries():
            raise Refusal(409, "there is nothing to go on with: give an input", param="input", code="invalid_value")
        return started(await runs.start(request, agent, session, asked.input))

    async def events(request: Request) -> Response:
        after = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 15:
            raise Refusal(400, "after is the number of an event", param="after", code="invalid_value")
        return StreamingResponse(runs.get(request).log.follow(int(after)), media_type="text/event-stream")

    async def cancel(request: Request) -> Response:
        run = runs.get(request)
        run.scope.cancel()
        return JSONResponse({"run": run.id}, 202)

    return [
        Route("/agentkit/agents", agents),
        Route("/agentkit/runs", start, methods=["POST"]),
        Route("/agentkit/runs/{run}/events", events),
        Route("/agentkit/runs/{run}/cancel", cancel, methods=["POST"]),
    ]


def started(run: LiveRun) -> Response:
    """The answer to whoever started a run."""
    return JSONResponse({"run": run.id, "session": run.session}, 201)


def _agent_json(name: str, agent: AnyAgent) -> Json:
    tools = agent.spec.by_name.values()
    told = [{"name": tool.name, "description": tool.description, "effect": tool.effect} for tool in tools]
    return {"agent": name, "tools": told}
