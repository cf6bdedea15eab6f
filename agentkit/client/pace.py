"""When the next request may be sent: pure decisions, the clock an argument."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import cast

from agentkit.errors import ConfigurationError

MINUTE = 60.0
DECREASE = 0.9  # of what the server still carries, after a refusal
RAMP = 64  # requests that leave at once, before it is known whether the server carries them
STEP = 0.05  # seconds without a refusal, after which twice as many may be in flight


@dataclass(frozen=True, slots=True)
class Pacing:
    """What one client may ask of its endpoint. None: as much as is wanted."""

    max_concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_concurrency", "requests_per_minute", "tokens_per_minute"):
            given = cast("object", getattr(self, name))
            if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 1):
                raise ConfigurationError(f"{name}={given!r}; use a whole number above 0, or None for no limit")


class Spending:
    """An amount that was spent at a moment; it may be corrected when the true amount is known."""

    __slots__ = ("amount", "at")

    def __init__(self, at: float, amount: int) -> None:
        self.at, self.amount = at, amount


class Minute:
    """At most `limit` within any 60 seconds. What is larger by itself may be spent when nothing else was."""

    def __init__(self, limit: int) -> None:
        self._limit, self._spent = limit, deque[Spending]()

    def wait(self, now: float, amount: int) -> float:
        """Seconds until this amount may be spent; 0 or less: now."""
        while self._spent and self._spent[0].at <= now - MINUTE:
            self._spent.popleft()
        over = sum(spending.amount for spending in self._spent) + amount - self._limit
        for spending in self._spent:
            if over <= 0:
                break
            over -= spending.amount
            wait = spending.at + MINUTE - now
            if over <= 0 or spending is self._spent[-1]:
                return wait
        return 0.0

    def spend(self, now: float, amount: int) -> Spending:
        """It is spent now."""
        self._spent.append(spending := Spending(now, amount))
        return spending


class Pace:
    """How many requests may be in flight, and when the next may leave.

    At first as many as are wanted, doubling from 64: a server that refuses does so quickly. From the first refusal
    (429) on additive increase, multiplicative decrease: a refusal leaves room for nine tenths of what is still in
    flight, for no more than that was accepted; each answer makes room for a fraction of one more.
    """

    def __init__(self, pacing: Pacing) -> None:
        self._most: float = pacing.max_concurrency or math.inf
        self._requests = Minute(pacing.requests_per_minute) if pacing.requests_per_minute else None
        self._tokens = Minute(pacing.tokens_per_minute) if pacing.tokens_per_minute else None
        self._resume = -math.inf  # nothing leaves before
        self._last = -math.inf
        self._doubles_at: float | None = None
        self._ever_refused = False
        self._alone = False  # the last refusal left nothing in flight: grow by doubling
        self.room = min(RAMP, self._most)  # requests that may be in flight
        self.in_flight = 0

    @property
    def counts_tokens(self) -> bool:
        """Whether somebody has to estimate what a request will cost."""
        return self._tokens is not None

    def rested(self, now: float) -> bool:
        """Whether nothing is left to remember: a fresh pace would decide the same."""
        never_limited = not self._ever_refused and self._requests is None and self._tokens is None
        return not self.in_flight and (never_limited or now - max(self._last, self._resume) > MINUTE)

    def wait(self, now: float, tokens: int) -> float:
        """Seconds until a request of so many tokens may leave; 0 or less: now; inf: when one in flight has ended."""
        wait = self._resume - now
        if self.in_flight and self.in_flight + 1 > self.room:
            wait = max(wait, self._for_room(now))
        if self._requests is not None:
            wait = max(wait, self._requests.wait(now, 1))
        if self._tokens is not None:
            wait = max(wait, self._tokens.wait(now, tokens))
        return wait

    def _for_room(self, now: float) -> float:
        if self._ever_refused or self.room >= self._most:
            return math.inf
        if self._doubles_at is None:
            self._doubles_at = now + STEP
        elif now >= self._doubles_at:
            self.room, self._doubles_at = min(self._most, self.room * 2), now + STEP
            return 0.0
        return self._doubles_at - now

    def start(self, now: float, tokens: int) -> Spending | None:
        """A request leaves. Returns what its tokens are booked as, when they are counted."""
        self.in_flight += 1
        self._last = now
        if self._requests is not None:
            self._requests.spend(now, 1)
        return self._tokens.spend(now, tokens) if self._tokens is not None else None

    def answered(self) -> None:
        """A request was answered. After refusals there is room for more where the room was used."""
        if self._ever_refused and self.room < self._most and self.in_flight + 1 >= int(self.room):
            self.room = min(self._most, self.room + (1 if self._alone else 1 / self.room))

    def refused(self) -> bool:
        """The server said that it was too much. Whether others are still in flight: then it is a queue, no failure."""
        self.room = max(1.0, min(self.room, DECREASE * self.in_flight))
        self._ever_refused = True
        self._alone = self.in_flight == 0
        return not self._alone

    def pause(self, until: float) -> None:
        """Nothing leaves before this moment."""
        self._resume = max(self._resume, until)
