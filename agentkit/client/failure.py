"""Error answers of providers, in all their shapes, as typed errors."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from agentkit.chat import is_json, is_list
from agentkit.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    RateLimited,
    ServerFailed,
    StatusError,
)

EXCERPT = 300  # bytes of a body that an error shows
LONGEST = 2000  # characters of a server's message
_OVERFLOW = re.compile(r"context.{0,20}(length|size|window)|maximum context|too many tokens|prompt is too long", re.I)
_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})


def error_fields(body: bytes) -> dict[str, Any]:
    """message, type, code and param out of any provider's error body (Q52)."""
    try:
        parsed: Any = from_json(body)
    except ValueError:
        return {}
    data: Any = parsed[0] if is_list(parsed) and parsed else parsed
    if not is_json(data):
        return {"message": str(data)}
    inner = data.get("error", data)
    if isinstance(inner, str):
        return {**data, "message": inner}
    if not is_json(inner):
        return {}
    message = inner.get("message") or inner.get("detail") or inner.get("error_description")
    return {**inner, "message": message if isinstance(message, str) else str(message or inner)}


def status_error(
    status: int, headers: Mapping[str, str], body: bytes, where: str = "", now: float | None = None
) -> StatusError:
    """The typed error of an answer with an error status."""
    fields = error_fields(body)
    excerpt = body[:EXCERPT].decode(errors="replace")
    message = str(fields.get("message") or excerpt or "no body")[:LONGEST]
    code = fields.get("code") or fields.get("error_code")
    kind = fields.get("type")
    error = _class_of(status, str(code), str(kind), message)
    request_id = headers.get("x-request-id") or headers.get("request-id") or headers.get("x-amzn-requestid")
    return error(
        f"HTTP {status}{where}: {message}{_advice(status)}",
        status=status,
        code=None if code is None else str(code),
        type=None if kind is None else str(kind),
        param=fields["param"] if isinstance(fields.get("param"), str) else None,
        request_id=request_id,
        retry_after=retry_after(headers, time.time() if now is None else now),
        should_retry={"true": True, "false": False}.get(headers.get("x-should-retry", "")),
        body=excerpt,
    )


def _class_of(status: int, code: str, kind: str, message: str) -> type[StatusError]:
    if status == 429:
        return RateLimited
    if status in (401, 403):
        return AuthenticationFailed
    if status >= 500:
        return ServerFailed
    if code in _OVERFLOW_CODES or kind in _OVERFLOW_CODES or (status in (400, 413) and _OVERFLOW.search(message)):
        return ContextOverflow
    return BadRequest


def _advice(status: int) -> str:
    if status in (401, 403):
        return " (check the API key: AGENTKIT_API_KEY, OPENAI_API_KEY or api_key=)"
    if status == 404:
        return " (is the model's name right, and base_url? requests go to base_url + /chat/completions)"
    return ""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the server asks: retry-after-ms, then Retry-After in seconds or as a date (Q54)."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return None
