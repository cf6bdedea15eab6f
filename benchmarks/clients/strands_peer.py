"""strands-agents; one Agent a run, for an Agent holds its conversation."""

from __future__ import annotations

import os

os.environ["OTEL_SDK_DISABLED"] = "true"

import measured
import work
from openai import AsyncOpenAI
from strands import Agent, tool
from strands.agent.conversation_manager import NullConversationManager
from strands.models.openai import OpenAIModel


class Client:
    def __init__(self, job: measured.Job) -> None:
        client = AsyncOpenAI(base_url=job.base_url, api_key=work.KEY, timeout=600)
        self.model = OpenAIModel(model_id=work.MODEL, stream=job.stream, client=client)
        self.tools = [tool(function) for function in job.tools]
        self.run = self.streamed if job.stream else self.whole

    def agent(self) -> Agent:
        return Agent(
            model=self.model,
            tools=self.tools,
            system_prompt=work.SYSTEM,
            callback_handler=None,
            conversation_manager=NullConversationManager(),
        )

    async def whole(self) -> str:
        return (await self.agent().invoke_async(work.PROMPT)).message["content"][0]["text"]

    async def streamed(self) -> str:
        return "".join([event["data"] async for event in self.agent().stream_async(work.PROMPT) if "data" in event])


if __name__ == "__main__":
    measured.main(Client)
