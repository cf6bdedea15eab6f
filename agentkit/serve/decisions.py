"""The route on which somebody decides for a run that waits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agentkit.chat import Json
from agentkit.chat.wire import configuration_error
from agentkit.errors import ConfigurationError
from agentkit.journal import RunState, Session

from .asked import invalid, read_asked, read_json
from .completions import answered
from .failure import Refusal
from .paused import read_record
from .service import ID, Service
from .settling import waiting_name
from .turn import prepared


class Decided(BaseModel):
    """What somebody says of one call, as RunState's verbs take it. result: of an answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call: str
    verdict: Literal["approve", "deny", "retry", "answer"]
    arguments: dict[str, Any] | None = None
    always: bool | dict[str, Any] = False
    reason: str = ""
    result: Any = None

    def applied(self, state: RunState) -> RunState:
        """The state with this decision. Raises ConfigurationError when the call does not wait for it."""
        match self.verdict:
            case "approve":
                return state.approve(self.call, self.arguments, always=self.always)
            case "deny":
                return state.deny(self.call, self.reason)
            case "retry":
                return state.retry(self.call)
            case "answer":
                return state.answer(self.call, self.result)


class Decisions(BaseModel):
    """The body: a decision for each call that goes on, and whether the answer is streamed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decisions: tuple[Decided, ...] = Field(min_length=1, max_length=128)
    stream: bool = Field(default=False, strict=True)


def routes(service: Service) -> list[Route]:
    """The route of decisions."""

    async def decide(request: Request) -> Response:
        run_id = request.path_params["run_id"]
        name = waiting_name(service.owner(request), run_id)
        record = await read_record(service.store, name) if ID.match(run_id) else None
        body = await read_json(request)
        session = Session(service.store, record["journal"]) if record is not None else None
        state = await session.load() if session is not None else RunState()
        if record is None or session is None or state.run_id != run_id:
            raise Refusal(404, "no run of this id waits for a decision", param="run_id", code="not_found")
        state, stream = _decided(state, body)
        asked = read_asked(service, request, {**record["request"], "stream": stream, "stream_options": None})
        turn = await prepared(service, request, asked, record["model"])
        return await answered(service, request, replace(turn, session=session).going_on(state))

    return [Route("/v1/runs/{run_id}/decisions", decide, methods=["POST"])]


def _decided(state: RunState, body: Json) -> tuple[RunState, bool]:
    try:
        given = Decisions.model_validate(body)
        for decision in given.decisions if state.waiting else ():  # else it was decided, and the run failed after that
            state = decision.applied(state)
    except ValidationError as error:
        raise invalid(configuration_error("body", error), "decisions") from None
    except ConfigurationError as error:
        raise invalid(error, "decisions") from None
    return state, given.stream
