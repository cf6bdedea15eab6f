"""langchain's create_agent (langgraph) with langchain-openai, LangSmith off."""

from __future__ import annotations

import os

os.environ.update(LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")

import measured
import work
from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


class Client:
    def __init__(self, job: measured.Job) -> None:
        model = ChatOpenAI(
            model=work.MODEL,
            base_url=job.base_url,
            api_key=work.KEY,
            timeout=600,
            stream_usage=True,
            use_responses_api=False,
        )
        tools = [tool(parse_docstring=True)(function) for function in job.tools]
        self.agent = create_agent(model, tools=tools, system_prompt=work.SYSTEM)
        self.options = {"recursion_limit": 3 * job.most_turns + 10}
        self.run = self.streamed if job.stream else self.whole
        self.input = {"messages": [{"role": "user", "content": work.PROMPT}]}

    async def whole(self) -> str:
        return (await self.agent.ainvoke(self.input, self.options))["messages"][-1].content

    async def streamed(self) -> str:
        text: list[str] = []
        async for message, _ in self.agent.astream(self.input, self.options, stream_mode="messages"):
            if isinstance(message, AIMessageChunk) and message.content:
                text.append(message.content)
        return "".join(text)


if __name__ == "__main__":
    measured.main(Client)
