"""Stored sessions as the page shows them: listed, searched, read, exported, forgotten, and decided on."""

from __future__ import annotations

import hmac

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.chat import Json
from agentkit.chat.wire import configuration_error
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState, Session

from .asked import invalid, read_json
from .decisions import Decided
from .failure import Refusal
from .gist import Gist, Gists
from .runs import Runs, started
from .service import Service
from .transcript import Transcript, digest

LISTED = 100  # sessions in an answer, the one changed last first
SEARCHED = 1000  # sessions that a search looks through


class Seen(Decided):
    """A decision, and the digest of the call as whoever decides has seen it."""

    digest: str


def routes(runs: Runs) -> list[Route]:
    """The sessions of whoever asks."""
    service, gists = runs.service, Gists(runs.service.store)

    async def listed(request: Request) -> Response:
        search = request.query_params.get("search", "").casefold()
        return JSONResponse({"sessions": await _found(runs, gists, request, search)})

    async def detail(request: Request) -> Response:
        _, transcript = await _load(service, request)
        return JSONResponse(_detail(runs, request, transcript))

    async def export(request: Request) -> Response:
        session, _ = await _load(service, request)
        name = {"content-disposition": f'attachment; filename="{request.path_params["session"]}.jsonl"'}
        return Response(await session.export(), media_type="application/x-ndjson", headers=name)

    async def delete(request: Request) -> Response:
        session, _ = await _load(service, request)
        if runs.of(service.owner(request), request.path_params["session"]) is not None:
            raise Refusal(409, "a run is at work in this session: cancel it first", code="session_conflict")
        await session.delete()
        return Response(status_code=204)

    async def decide(request: Request) -> Response:
        body = await read_json(request)
        _, transcript = await _load(service, request)
        state = _decided(transcript.state, body)
        agent = service.agent(_served(service, transcript.agent))
        return started(await runs.start(request, agent, request.path_params["session"], state))

    one = "/agentkit/sessions/{session}"
    return [
        Route("/agentkit/sessions", listed),
        Route(one, detail, methods=["GET"]),
        Route(one, delete, methods=["DELETE"]),
        Route(f"{one}/export", export),
        Route(f"{one}/decisions", decide, methods=["POST"]),
    ]


async def _load(service: Service, request: Request) -> tuple[Session, Transcript]:
    session = service.session(request, request.path_params["session"])
    entries = await session.entries()
    if not entries:
        raise Refusal(404, "there is no such session", code="session_not_found")
    return session, Transcript(session.id, entries)


async def _found(runs: Runs, gists: Gists, request: Request, search: str) -> list[Json]:
    prefix = runs.service.journal(request, "sessions", "x")[:-1]
    found: list[Json] = []
    names = [name for name in await runs.service.store.journals() if name.startswith(prefix)]
    for name in names[:SEARCHED]:
        gist = await gists.find(name)
        if gist is not None and search in gist.text:
            found.append(_summary(runs, request, name.removeprefix(prefix), gist))
        if len(found) == LISTED:
            break
    return found


def _summary(runs: Runs, request: Request, id: str, gist: Gist) -> Json:
    live = runs.of(runs.service.owner(request), id)
    status = gist.status if live is None else "running"
    return {"session": id, "title": gist.title, "agent": _served(runs.service, gist.agent), "status": status}


def _detail(runs: Runs, request: Request, transcript: Transcript) -> Json:
    id = request.path_params["session"]
    run = runs.of(runs.service.owner(request), id, ended=True)
    summary = _summary(runs, request, id, Gist.of(transcript))
    told: Json = {"items": transcript.told(), "waiting": transcript.waiting}
    return {**summary, **told, "run": run.id if run is not None else None}


def _served(service: Service, name: str) -> str:
    """The name under which an agent is served."""
    return next((served for served, agent in service.agents.items() if agent.spec.name == name), name)


def _decided(state: RunState, body: Json) -> RunState:
    """The state with the decision in it, which is for exactly the call that was shown. Raises Refusal (S3)."""
    try:
        seen = Seen.model_validate(body)
        waiting = next((waiting for waiting in state.waiting if waiting.call == seen.call), None)
        if waiting is None:
            raise Refusal(409, "this call does not wait for a decision", param="call", code="not_waiting")
        if not hmac.compare_digest(seen.digest.encode(), digest(waiting).encode()):
            told = "the call is not the one that was shown: look at it again"
            raise Refusal(409, told, param="digest", code="changed")
        return seen.applied(state)
    except ValidationError as error:
        raise invalid(configuration_error("body", error), "verdict") from None
    except ConfigurationError as error:
        raise invalid(error, "verdict") from None
