"""openai-agents over Chat Completions, tracing off."""

from __future__ import annotations

import measured
import work
from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI


class Client:
    def __init__(self, job: measured.Job) -> None:
        set_tracing_disabled(True)
        self.options = {"max_turns": job.most_turns, "run_config": RunConfig(tracing_disabled=True)}
        self.agent = Agent(
            name="bench",
            instructions=work.SYSTEM,
            model=OpenAIChatCompletionsModel(work.MODEL, AsyncOpenAI(base_url=job.base_url, api_key=work.KEY)),
            model_settings=ModelSettings(include_usage=True) if job.stream else ModelSettings(),
            tools=[function_tool(function) for function in job.tools],
        )
        self.run = self.streamed if job.stream else self.whole

    async def whole(self) -> str:
        return (await Runner.run(self.agent, work.PROMPT, **self.options)).final_output

    async def streamed(self) -> str:
        text: list[str] = []
        result = Runner.run_streamed(self.agent, work.PROMPT, **self.options)
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                text.append(event.data.delta)
        return "".join(text)


if __name__ == "__main__":
    measured.main(Client)
