"""agno with its OpenAI chat model, telemetry off, no database."""

from __future__ import annotations

import os

os.environ["AGNO_TELEMETRY"] = "false"

import measured
import work
from agno.agent import Agent
from agno.models.openai import OpenAIChat


class Client:
    def __init__(self, job: measured.Job) -> None:
        model = OpenAIChat(id=work.MODEL, base_url=job.base_url, api_key=work.KEY, timeout=600)
        self.agent = Agent(model=model, tools=job.tools, system_message=work.SYSTEM, telemetry=False, markdown=False)
        self.run = self.streamed if job.stream else self.whole

    async def whole(self) -> str:
        return (await self.agent.arun(work.PROMPT)).content

    async def streamed(self) -> str:
        events = self.agent.arun(work.PROMPT, stream=True)
        return "".join([event.content async for event in events if event.event == "RunContent" and event.content])


if __name__ == "__main__":
    measured.main(Client)
