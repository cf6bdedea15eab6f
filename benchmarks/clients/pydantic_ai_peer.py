"""pydantic-ai with its OpenAI chat model, no instrumentation."""

from __future__ import annotations

import measured
import work
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits


class Client:
    def __init__(self, job: measured.Job) -> None:
        provider = OpenAIProvider(openai_client=AsyncOpenAI(base_url=job.base_url, api_key=work.KEY, timeout=600))
        model = OpenAIChatModel(work.MODEL, provider=provider)
        self.agent = Agent(model, instructions=work.SYSTEM, tools=job.tools)
        self.limits = UsageLimits(request_limit=None)
        self.run = self.streamed if job.stream else self.whole

    async def whole(self) -> str:
        return (await self.agent.run(work.PROMPT, usage_limits=self.limits)).output

    async def streamed(self) -> str:
        async with self.agent.run_stream(work.PROMPT, usage_limits=self.limits) as result:
            return "".join([text async for text in result.stream_text(delta=True, debounce_by=None)])


if __name__ == "__main__":
    measured.main(Client)
