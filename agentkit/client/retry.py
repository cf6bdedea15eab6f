"""When a request is sent again, and how long to wait: a pure policy."""

from __future__ import annotations

from dataclasses import dataclass

from agentkit.errors import ConnectionFailed, ModelError, RateLimited, StatusError

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
LONGEST = 120.0  # seconds of Retry-After that are waited; longer is the caller's decision


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` further attempts; waits of 0.5, 1, 2 ... at most 8 s, spread by jitter, or Retry-After."""

    retries: int = 2

    def delay(self, attempt: int, error: ModelError, jitter: float) -> float | None:
        """Seconds until the next attempt after `attempt` (from 0) failed; None to give up. jitter: 0 to 1."""
        if attempt >= self.retries:
            return None
        if isinstance(error, StatusError):
            if error.status not in RETRIED or (isinstance(error, RateLimited) and error.code == "insufficient_quota"):
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= LONGEST else None
        elif not isinstance(error, ConnectionFailed) or (error.timed_out and attempt):
            return None  # a model that thought for the whole time may be billed each time: one further attempt
        return float(min(8.0, 0.5 * 2**attempt) * (0.5 + 0.5 * jitter))
