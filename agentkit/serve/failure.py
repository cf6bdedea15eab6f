"""Whatever goes wrong, as the API's error object; what an error tells of its inside stays in the log (S20)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agentkit.chat import Json
from agentkit.errors import (
    AgentKitError,
    BadRequest,
    ConnectionFailed,
    ContextOverflow,
    GuardrailTripped,
    ModelError,
    RateLimited,
    SessionConflict,
)

log = logging.getLogger("agentkit.serve")
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class Refusal(Exception):
    """A request that is not served: its status, and what its client is told."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.param, self.code, self.headers = status, param, code, headers

    def body(self) -> Json:
        """The API's error object."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The answer that says so."""
        return JSONResponse(self.body(), self.status, self.headers)


def refusal_for(error: Exception, request_id: str) -> Refusal:
    """What a client is told of an error out of a run: its type and the request's id."""
    if isinstance(error, Refusal):
        return error
    log.error("request %s failed: %s: %s", request_id, type(error).__name__, error, exc_info=_own(error))
    told = f"{type(error).__name__} (request id {request_id})"
    if isinstance(error, RateLimited):
        wait = None if error.retry_after is None else {"retry-after": f"{error.retry_after:g}"}
        return Refusal(429, told, code="rate_limit_exceeded", headers=wait)
    if isinstance(error, ContextOverflow):
        return Refusal(400, told, param="messages", code="context_length_exceeded")
    if isinstance(error, BadRequest):
        return Refusal(400, told, param=error.param)
    if isinstance(error, GuardrailTripped):
        return Refusal(400, told, code="guardrail_tripped")
    if isinstance(error, SessionConflict):
        return Refusal(409, told, code="session_conflict")
    if isinstance(error, ConnectionFailed) and error.timed_out:
        return Refusal(504, told)
    return Refusal(502 if isinstance(error, ModelError) else 500, told)


def _own(error: Exception) -> Exception | None:
    """Errors that nobody foresaw are logged with where they happened."""
    return None if isinstance(error, AgentKitError) else error


async def refused(request: Request, error: Exception) -> Response:
    """Starlette's handler of every exception out of a route."""
    if isinstance(error, HTTPException):
        return Refusal(error.status_code, str(error.detail), headers=error.headers).response()
    return refusal_for(error, request.scope["state"]["request_id"]).response()
