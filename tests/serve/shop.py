"""What all official clients are tested against: a bare model, an agent with a tool of its own, one that is slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.applications import Starlette

from agentkit import Agent, ChatCompletion, ChatRequest, FunctionModel, RateLimited, ServerFailed, tool
from agentkit.chat import AssistantMessage, OnChunk
from agentkit.serve import create_app, pass_through

from .running import running

KEY = "sk-test-key"


@tool(effect="read")
def stock(item: str) -> int:
    """How many of an item are there.

    Args:
        item: Name of the item
    """
    return len(item)


@dataclass
class SlowModel:
    """Tells one word, then waits until somebody stops it."""

    name = "slow"
    began: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    async def complete(self, request: ChatRequest, on_chunk: OnChunk | None = None) -> ChatCompletion:
        from agentkit.chat import PartialCompletion

        chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "well"}}]}
        partial = PartialCompletion()
        partial.add(chunk)
        if on_chunk is not None:
            await on_chunk(chunk, partial)
        self.began.set()
        try:
            await anyio.sleep(60)
        finally:
            self.stopped.set()
        raise AssertionError("nobody stopped it")


def clerk(request: ChatRequest) -> Any:
    """Looks up the stock itself, asks the client for the weather, then says both."""
    results = [message for message in request.messages if message.role == "tool"]
    answers = [m for m in request.messages if isinstance(m, AssistantMessage)]
    client_tools = [t.name for t in request.tools or () if t.name == "get_weather"]
    if not answers:
        return [("stock", {"item": "lamp"})]
    if len(answers) == 1 and client_tools:
        return [("get_weather", {"city": "Oslo"})]
    return "; ".join(str(getattr(message, "content", "")) for message in results)


@dataclass
class Shop:
    """The application and what a test looks at."""

    slow: SlowModel = field(default_factory=SlowModel)

    def app(self) -> Starlette:
        limited = FunctionModel(lambda request: RateLimited("busy", status=429))
        broken = FunctionModel(lambda request: ServerFailed("broken", status=500))
        agents: list[Agent[Any, Any]] = [
            pass_through("offline"),
            Agent(FunctionModel(clerk), name="clerk", tools=[stock]),
            Agent(self.slow, name="slow"),
            Agent(limited, name="limited"),
            Agent(broken, name="broken"),
        ]
        return create_app(agents, keys=[KEY])


@contextmanager
def open_shop() -> Iterator[tuple[str, Shop]]:
    """The base_url of the shop's server, and the shop."""
    shop = Shop()
    with running(shop.app()) as url:
        yield f"{url}/v1", shop
