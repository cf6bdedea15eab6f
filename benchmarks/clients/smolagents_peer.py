"""smolagents' ToolCallingAgent: synchronous, so each run has a thread; one agent a run, for it holds its conversation.

It reads the source text of its tools and takes no Literal, so they are written here again.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

import measured
import work
from rich.console import Console
from smolagents import AgentLogger, LogLevel, OpenAIModel, ToolCallingAgent, tool


@tool
def get_weather(city: str, days: int = 1, unit: str = "celsius") -> str:
    """Get the weather forecast for a city.

    Args:
        city: The name of the city to look up.
        days: How many days of forecast to return.
        unit: The temperature unit of the result.
    """
    work.called()
    return work.FORECAST


@tool
def search_docs(query: str, limit: int = 5) -> str:
    """Search the documentation and return the best matches.

    Args:
        query: What to search for.
        limit: The largest number of results.
    """
    work.called()
    return "[]"


class Client:
    def __init__(self, job: measured.Job) -> None:
        self.job = job
        self.threads = ThreadPoolExecutor(1000)
        self.model = OpenAIModel(work.MODEL, api_base=job.base_url, api_key=work.KEY, client_kwargs={"timeout": 600})

    def once(self) -> str:
        agent = ToolCallingAgent(
            tools=[get_weather, search_docs],
            model=self.model,
            instructions=work.SYSTEM,
            max_steps=self.job.most_turns,
            logger=AgentLogger(level=LogLevel.OFF, console=Console(quiet=True)),
            stream_outputs=self.job.stream,
        )
        return agent.run(work.PROMPT)

    async def run(self) -> str:
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.once)


if __name__ == "__main__":
    measured.main(Client, dialect=".S1")
