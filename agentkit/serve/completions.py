"""The routes of the API page: models, and completions, whole and streamed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.chat import Json
from agentkit.errors import AgentKitError
from agentkit.journal import Session, dump_entry
from agentkit.run import RunResult

from . import stored
from .answer import Answer, Head, answer_of
from .asked import Asked, read_asked, read_json
from .failure import Refusal
from .leaving import unless_left
from .paused import external_calls
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
    """What the request makes the agent do: begin, or go on where a run stands. Raises Refusal before anything runs."""
    turn = await prepared(service, request, asked, model)
    given = results(asked.chat.messages)
    if asked.session is not None:
        session: Session | None = service.session(request, asked.session)
    else:
        session = service.parking.find(service.owner(request), model, given) if given else None
    if session is None:
        return turn
    state = await session.load()
    new = additions(asked.chat.messages, state)
    for id, waiting in external_calls(state).items():
        if id in given:
            state = state.answer(waiting, given[id])
    turn = replace(turn, session=session, calls=frozenset(given))
    again = new == state.new_messages  # the request came before, and its run failed
    if state.messages and not state.ended and (again or not new):
        return turn.going_on(state)
    if not new:
        raise Refusal(400, "the session has all of these messages; send something new", param="messages")
    rows = [dump_entry(entry) for entry in state.entries.since(state.saved)]
    if rows:
        await session.store.append(session.id, state.saved, rows)
    return replace(turn, input=new)


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
        stream = turn.agent.stream(turn.input, session=turn.session, **turn.options)
        chunks = Chunks(head, chat.stream_options, turn.held)
        return Streamed(stream, chunks, finish, service.request_id(request), turn.asked.steps)

    async def whole() -> Answer:
        return await finish(await _ended(turn))

    answer = await unless_left(request.receive, whole)
    if answer is None:
        return Response(status_code=499)  # nobody reads it
    return JSONResponse(answer.completion(head, turn.asked.steps))


async def _ended(turn: Turn) -> RunResult[Any] | AgentKitError:
    try:
        return await turn.agent.run(turn.input, session=turn.session, **turn.options)
    except AgentKitError as error:
        return error
