"""The door to an endpoint: requests leave first come, first served, when the pace allows it."""

from __future__ import annotations

import math
import time
from bisect import insort
from itertools import count
from operator import attrgetter

import anyio

from agentkit.chat import ChatRequest, CompletionUsage
from agentkit.errors import ModelError, RateLimited

from .pace import Pace, Pacing, Spending

BYTES_A_TOKEN = 4  # of a request, about: what it really took is known with the answer


class Ticket:
    """One request's place in the queue, which it keeps when it was refused."""

    __slots__ = ("booked", "given_up", "number", "refused", "tokens", "woken")

    def __init__(self, number: int, tokens: int) -> None:
        self.number, self.tokens = number, tokens
        self.booked: Spending | None = None
        self.woken: anyio.Event | None = None
        self.refused: ModelError | None = None
        self.given_up = False


class Gate:
    """One event loop's door. What is decided is the pace's; here is only the waiting."""

    def __init__(self, pacing: Pacing, longest: float) -> None:
        self.pace = Pace(pacing)
        self._longest = longest  # seconds of Retry-After that are waited
        self._queue: list[Ticket] = []
        self._numbers = count()

    def ticket(self, request: ChatRequest, body: bytes) -> Ticket:
        """A place behind all that have one."""
        tokens = 0
        if self.pace.counts_tokens:
            answer = request.max_completion_tokens or request.max_tokens or 0
            tokens = len(body) // BYTES_A_TOKEN + answer * (request.n or 1)
        return Ticket(next(self._numbers), tokens)

    async def enter(self, ticket: Ticket) -> None:
        """Wait for the ticket's turn. Raises its last refusal when there is no hope left."""
        if self._queue or self.pace.wait(time.monotonic(), ticket.tokens) > 0:
            await self._queued(ticket)
        ticket.booked = self.pace.start(time.monotonic(), ticket.tokens)

    async def _queued(self, ticket: Ticket) -> None:
        insort(self._queue, ticket, key=attrgetter("number"))
        try:
            while (seconds := self._seconds(ticket)) > 0:
                ticket.woken = anyio.Event()
                with anyio.move_on_after(seconds):
                    await ticket.woken.wait()
                if ticket.given_up and ticket.refused is not None:
                    raise ticket.refused
        finally:
            ticket.woken = None
            self._queue.remove(ticket)
            self._wake()

    def _seconds(self, ticket: Ticket) -> float:
        return self.pace.wait(time.monotonic(), ticket.tokens) if self._queue[0] is ticket else math.inf

    def _wake(self) -> None:
        if self._queue and (woken := self._queue[0].woken) is not None:
            woken.set()

    def leave(self) -> None:
        """A request is no longer in flight, however it ended."""
        self.pace.in_flight -= 1
        if self._queue:
            self._wake()

    def answered(self, ticket: Ticket, usage: CompletionUsage | None) -> None:
        """The ticket's request was answered, and cost so many tokens."""
        self.pace.answered()
        if ticket.booked is not None and usage is not None:
            ticket.booked.amount = usage.total_tokens or usage.prompt_tokens + usage.completion_tokens

    def refused(self, ticket: Ticket, error: RateLimited) -> bool:
        """The ticket's request was refused. Whether others got through, so that it may simply queue again."""
        ticket.refused = error
        others = self.pace.refused()
        if others and error.retry_after is not None:
            self.pause(min(error.retry_after, self._longest))
        return others

    def pause(self, seconds: float) -> None:
        """Nobody enters for so long."""
        self.pace.pause(time.monotonic() + seconds)

    def give_up(self) -> None:
        """A request that was alone was refused to the end: those that were refused beside it need not try."""
        for ticket in self._queue:
            if ticket.refused is not None and ticket.woken is not None:
                ticket.given_up = True
                ticket.woken.set()
