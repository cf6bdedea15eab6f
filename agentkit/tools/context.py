"""What a tool may know of the run it is called in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from agentkit.chat import Message, Usage
from agentkit.errors import ConfigurationError

Deps = TypeVar("Deps", covariant=True)
Progress = Callable[[str, float | None, float | None], Awaitable[None]]


class Context(Generic[Deps]):
    """Handed to a tool whose parameter is annotated with it; never part of the schema. `Context(deps=...)` in tests."""

    __slots__ = (
        *("_call_id", "_deps", "_key", "_messages", "_progress", "_untrusted", "_usage"),
        *("agent", "attempt", "run_id"),
    )

    def __init__(
        self,
        deps: Deps = None,  # type: ignore[assignment]  # a run without deps has None
        *,
        run_id: str = "",
        agent: str = "",
        call_id: str = "",
        idempotency_key: str = "",
        attempt: int = 1,
        messages: Callable[[], tuple[Message, ...]] | None = None,
        usage: Callable[[], Usage] | None = None,
        untrusted: Callable[[], frozenset[str]] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._deps = deps
        self.run_id = run_id
        self.agent = agent
        """The name of the agent that called."""
        self.attempt = attempt
        """How often this very call was started, this time included."""
        self._call_id = call_id
        self._key = idempotency_key
        self._messages = messages
        self._usage = usage
        self._untrusted = untrusted
        self._progress = progress

    @property
    def deps(self) -> Deps:
        """What the run was given as `deps`."""
        return self._deps

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation so far."""
        return self._messages() if self._messages is not None else ()

    @property
    def usage(self) -> Usage:
        """What the run has spent so far."""
        return self._usage() if self._usage is not None else Usage()

    @property
    def untrusted(self) -> frozenset[str]:
        """The tools marked `untrusted` whose results the conversation holds, those of other agents included (S7)."""
        return self._untrusted() if self._untrusted is not None else frozenset()

    @property
    def call_id(self) -> str:
        """The call's identity in its run. Raises ConfigurationError outside a call."""
        return self._inside(self._call_id, "call_id")

    @property
    def idempotency_key(self) -> str:
        """64 hex digits that stay the same over every resume of this call. Raises ConfigurationError outside a call."""
        return self._inside(self._key, "idempotency_key")

    def _inside(self, value: str, name: str) -> str:
        if not value:
            raise ConfigurationError(f"ctx.{name} exists only inside a tool call; in a test give Context({name}=...)")
        return value

    async def progress(self, message: str, done: float | None = None, total: float | None = None) -> None:
        """Tell whoever follows the run how far this call is."""
        if self._progress is not None:
            await self._progress(message, done, total)
