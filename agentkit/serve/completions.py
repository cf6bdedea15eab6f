"""The routes of the API page: models, and completions, whole and streamed."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.chat import Json, Usage
from agentkit.errors import AgentKitError
from agentkit.journal import RunState, Session, dump_entry
from agentkit.run import RunResult

from . import stored
from .answer import Answer, Head, answer_of
from .asked import Asked, read_asked, read_json
from .failure import Refusal
from .leaving import unless_left
from .paused import client_calls
from .service import Service
from .settling import settle
from .stream import Chunks, Streamed
from .turn import Turn, additions, prepared, results


def routes(service: Service) -> list[Route]:
    """The routes of models and completions."""

    async def models(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(name) for name in service.agents]})

    async def model(request: Request) -> Response:
        service.agent(request.path_params["model"])
        return JSONResponse(_model(request.path_params["model"]))

    async def complete(request: Request) -> Response:
        asked = read_asked(service, request, await read_json(request))
        model = request.path_params.get("endpoint", asked.chat.model)
        return await answered(service, request, await _turn(service, request, asked, model))

    return [
        Route("/v1/models", models),
        Route("/v1/models/{model:path}", model),
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/ai/{endpoint:path}/chat/completions", complete, methods=["POST"]),
    ]


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "agentkit"}


async def _turn(service: Service, request: Request, asked: Asked, model: str) -> Turn:
    """What the request makes the agent do: begin, or go on where a run waits for the client. Raises Refusal."""
    service.agent(model)
    messages, given = asked.chat.messages, results(asked.chat.messages)
    if asked.session is not None:
        session: Session | None = service.session(request, asked.session)
    else:
        session = service.parking.find(service.owner(request), model, given) if given else None
    if session is None:
        return await turn_of(service, request, asked, model, messages)
    state = await session.load()
    waiting = client_calls(state, [tool.name for tool in asked.chat.tools or ()])
    new = additions(messages, state)
    if given and waiting.keys() >= given.keys():
        missing = waiting.keys() - given.keys()
        if missing:
            raise Refusal(400, f"these calls have no tool message: {', '.join(sorted(missing))}", param="messages")
        for id, text in given.items():
            state = state.answer(waiting[id], text)
        if not new:
            return await turn_of(service, request, asked, model, state, session)
        rows = [dump_entry(entry) for entry in state.entries.since(state.saved)]
        await session.store.append(session.id, state.saved, rows)
    if not new:
        raise Refusal(400, "the session has all of these messages; send something new", param="messages")
    return await turn_of(service, request, asked, model, new, session)


async def turn_of(
    service: Service, request: Request, asked: Asked, model: str, input: Any, session: Session | None = None
) -> Turn:
    """The turn that begins or goes on with `input`."""
    agent = service.agent(model)
    deps = await service.deps_for(agent, request)
    agent, settings, client_tools = prepared(agent, asked)
    options = {"deps": deps, "settings": settings, "session": session}
    before = input.usage if isinstance(input, RunState) else Usage()
    return Turn(asked, model, agent, input, options, session, before, client_tools)


async def answered(service: Service, request: Request, turn: Turn) -> Response:
    """Run it, and answer whole or in chunks. A client that leaves ends the run."""
    head, chat = Head(turn.model), turn.asked.chat

    async def finish(ended: RunResult[Any] | AgentKitError) -> Answer:
        answer = answer_of(ended, turn)
        await settle(service, service.owner(request), turn, answer)
        if chat.store:
            await stored.keep(service, request, answer.completion(head), chat)
        return answer

    if chat.stream:
        stream = turn.agent.stream(turn.input, **turn.options)
        chunks = Chunks(head, chat.stream_options, turn.last_alone)
        return Streamed(stream, chunks, finish, service.request_id(request), turn.asked.steps)

    async def whole() -> Answer:
        return await finish(await _ended(turn))

    answer = await unless_left(request.receive, whole)
    if answer is None:
        return Response(status_code=499)  # nobody reads it
    return JSONResponse(answer.completion(head, turn.asked.steps))


async def _ended(turn: Turn) -> RunResult[Any] | AgentKitError:
    try:
        return await turn.agent.run(turn.input, **turn.options)
    except AgentKitError as error:
        return error
