"""When a request is sent again, and how long to wait: a pure policy."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from agentkit.errors import ConnectionFailed, ModelError, RateLimited, StatusError

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})


@dataclass(slots=True)
class Retries:
    """The further attempts that a whole run has left, and how many answers were lost to those it made."""

    left: int
    lost: int = 0

    def take(self, error: ModelError) -> bool:
        """Use one up after this error; False when none is left."""
        if self.left <= 0:
            return False
        self.left -= 1
        self.lost += isinstance(error, ConnectionFailed) and error.sent
        return True

    def told(self) -> int:
        """The lost answers that were not told before."""
        lost, self.lost = self.lost, 0
        return lost


RETRIES: ContextVar[Retries | None] = ContextVar("agentkit_retries", default=None)
"""Those of the run that asks: a run hands them past the model, which need not know."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` further attempts; waits of 0.5, 1, 2 ... at most 8 s, spread by jitter, or Retry-After.

    longest: seconds of Retry-After that are waited; longer is the caller's decision.
    """

    retries: int = 2
    longest: float = 120.0

    def delay(self, attempt: int, error: ModelError, jitter: float) -> float | None:
        """Seconds until the next attempt after `attempt` (from 0) failed; None to give up. jitter: 0 to 1."""
        if attempt >= self.retries:
            return None
        if isinstance(error, StatusError):
            if not _worth(error):
                return None
            if error.retry_after is not None:
                return error.retry_after if error.retry_after <= self.longest else None
        elif not isinstance(error, ConnectionFailed) or (error.timed_out and attempt):
            return None  # a model that thought for the whole time may be billed each time: one further attempt
        return float(min(8.0, 0.5 * 2**attempt) * (0.5 + 0.5 * jitter))


def _worth(error: StatusError) -> bool:
    """Whether asking again may help: as the server says (`x-should-retry`), else as the status does."""
    if error.should_retry is not None:
        return error.should_retry
    spent = isinstance(error, RateLimited) and error.code == "insufficient_quota"
    return error.status in RETRIED and not spent
