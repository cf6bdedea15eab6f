"""The work that every client does: one prompt, three tools, and what the server is told to play.

A scenario's text is the server's (fakechat.c): K tool turns, P calls a turn, N chunks of the final answer, D deltas of
a call's arguments, M ms to stream them, L ms before the first byte, T ms that a tool takes, F ms of a turn's first.
"""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar, Literal, NamedTuple

SYSTEM = "You are a helpful weather assistant. Use the tools when they help, then answer briefly."
PROMPT = "What will the weather be like in Paris over the next three days?"
FINAL = "The weather in Paris will be sunny with a high of 24 degrees celsius for the next 3 days."
MODEL = "gpt-4o-mini"
FORECAST = '{"city":"Paris","days":3,"unit":"celsius","forecast":["sunny 24","sunny 23","cloudy 21"]}'
KEY = "sk-x"


class Scenario(NamedTuple):
    """What the server plays, and whether the answers are streamed."""

    server: str
    stream: bool = False

    @property
    def parameters(self) -> dict[str, int]:
        """The server's letters and their numbers."""
        return {"K": 0, "P": 1, "N": 0, **{part[0]: int(part[1:]) for part in self.server.split(".")}}


SCENARIOS = {
    "chat": Scenario("K0"),
    "loop": Scenario("K5.P1"),
    "parallel": Scenario("K1.P8"),
    "long": Scenario("K100.P1"),
    "stream": Scenario("K1.P1.D40.N2000", stream=True),
    "stream_short": Scenario("K1.P1.D40.N20", stream=True),
    "stream_loop": Scenario("K5.P1.D40", stream=True),
    "in_flight": Scenario("K3.P1.L300"),
    "paced": Scenario("K1.P8.D10.M250.T500", stream=True),
    "paced_first": Scenario("K1.P8.D10.M250.T500.F2000", stream=True),
    "paced_limited": Scenario("K1.P8.D10.M250.T500", stream=True),
}


class Calls:
    """How often tools were called, and when, in nanoseconds of (wall, process CPU)."""

    count = 0
    moments: ClassVar[list[tuple[int, int]]] = []
    at_once: asyncio.Semaphore | None = None  # for paced_limited: the tool lets two run at a time


def moment() -> tuple[int, int]:
    """Now, in nanoseconds of wall clock and of this process's CPU."""
    return time.perf_counter_ns(), time.process_time_ns()


def called() -> None:
    """Count a call of a tool."""
    Calls.count += 1
    Calls.moments.append(moment())


async def get_weather(city: str, days: int = 1, unit: Literal["celsius", "fahrenheit"] = "celsius") -> str:
    """Get the weather forecast for a city.

    Args:
        city: The name of the city to look up.
        days: How many days of forecast to return.
        unit: The temperature unit of the result.
    """
    called()
    return FORECAST


async def slow_tool(label: str, ms: int, note: str = "") -> str:
    """Run a slow lookup that takes a given time.

    Args:
        label: A label for this call.
        ms: How long the lookup takes, in milliseconds.
        note: A free-form note.
    """
    called()
    if Calls.at_once is None:
        await asyncio.sleep(ms / 1000)
    else:
        async with Calls.at_once:
            await asyncio.sleep(ms / 1000)
    return f"done {label}"


async def search_docs(query: str, limit: int = 5, tags: list[str] | None = None) -> str:
    """Search the documentation and return the best matches.

    Args:
        query: What to search for.
        limit: The largest number of results.
        tags: Only return documents with these tags.
    """
    called()
    return "[]"


TOOLS = [get_weather, slow_tool, search_docs]
