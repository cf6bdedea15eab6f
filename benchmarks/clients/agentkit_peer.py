"""agentkit: `--variant aiohttp` for its second transport. Its tools are declared as reads, which lookups are."""

from __future__ import annotations

from typing import Any

import measured
import work

from agentkit import Agent, Limits, RemoteModel, TextDelta, tool


class Client:
    """One agent; its model keeps its connections between runs, as a server's would."""

    def __init__(self, job: measured.Job) -> None:
        transport: Any = job.variant or "stack"
        self.model = RemoteModel(work.MODEL, base_url=job.base_url, api_key=work.KEY, transport=transport)
        # The work repeats one call, which the limits would rightly end: it is the only one lifted.
        limits = Limits(turns=job.most_turns, tool_calls=1000, repeats=None)
        tools = [tool(function, effect="read") for function in job.tools]
        self.agent = Agent(self.model, instructions=work.SYSTEM, tools=tools, limits=limits)
        self.once = self.streamed if job.stream else self.whole
        self.open = False

    async def run(self) -> str:
        if not self.open:
            await self.model.__aenter__()
            self.open = True
        return await self.once()

    async def whole(self) -> str:
        return (await self.agent.run(work.PROMPT)).output

    async def streamed(self) -> str:
        text: list[str] = []
        async with self.agent.stream(work.PROMPT) as run:
            async for event in run:
                if isinstance(event, TextDelta):
                    text.append(event.text)
        return "".join(text)

    async def close(self) -> None:
        await self.model.__aexit__(None, None, None)


if __name__ == "__main__":
    measured.main(Client)
