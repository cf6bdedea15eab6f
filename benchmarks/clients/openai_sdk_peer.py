"""The openai SDK in a loop written by hand; arguments validated by pydantic."""

from __future__ import annotations

import asyncio
from typing import Any

import measured
import work
from bare import TOOLS, whole
from openai import AsyncOpenAI
from pydantic import TypeAdapter


class Client:
    def __init__(self, job: measured.Job) -> None:
        self.completions = AsyncOpenAI(base_url=job.base_url, api_key=work.KEY, timeout=600).chat.completions
        self.tools = {tool.__name__: TypeAdapter(tool).validate_json for tool in job.tools}
        self.message = self.streamed if job.stream else self.plain

    async def run(self) -> str:
        messages: list[Any] = [
            {"role": "system", "content": work.SYSTEM},
            {"role": "user", "content": work.PROMPT},
        ]
        while True:
            message = await self.message(messages)
            calls = message.get("tool_calls")
            if not calls:
                return message["content"]
            messages.append({"role": "assistant", "content": message["content"], "tool_calls": calls})
            called = [self.tools[call["function"]["name"]](call["function"]["arguments"]) for call in calls]
            for call, result in zip(calls, await asyncio.gather(*called), strict=True):
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})

    async def plain(self, messages: list[Any]) -> dict[str, Any]:
        completion = await self.completions.create(model=work.MODEL, messages=messages, tools=TOOLS)
        message = completion.choices[0].message
        calls = [(call.id, call.function.name, [call.function.arguments]) for call in message.tool_calls or ()]
        return whole(message.content or "", calls)

    async def streamed(self, messages: list[Any]) -> dict[str, Any]:
        text, calls = list[str](), list[tuple[str, str, list[str]]]()
        options = {"stream": True, "stream_options": {"include_usage": True}}
        async for chunk in await self.completions.create(model=work.MODEL, messages=messages, tools=TOOLS, **options):
            if not chunk.choices:
                continue
            delta = chunk.choices[0].delta
            if delta.content:
                text.append(delta.content)
            for call in delta.tool_calls or ():
                if call.index == len(calls):
                    calls.append((call.id, call.function.name, [call.function.arguments]))
                else:
                    calls[call.index][2].append(call.function.arguments)
        return whole("".join(text), calls)


if __name__ == "__main__":
    measured.main(Client)
