"""`pydantic-ai` against a served agent: prints one JSON object with what it saw."""

import asyncio
import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Place(BaseModel):
    """A place."""

    city: str
    degrees: int


def model(name: str) -> OpenAIChatModel:
    return OpenAIChatModel(name, provider=OpenAIProvider(base_url=sys.argv[1], api_key=sys.argv[2]))


async def main() -> dict[str, object]:
    seen: dict[str, object] = {}
    result = await Agent(model("offline")).run("hello")
    seen["chat"], seen["usage"] = result.output, result.usage.total_tokens > 0
    async with Agent(model("offline")).run_stream("hello") as stream:
        seen["stream"] = "".join([piece async for piece in stream.stream_text(delta=True, debounce_by=None)])
    seen["output"] = type((await Agent(model("offline"), output_type=NativeOutput(Place)).run("hello")).output).__name__
    clerk = Agent(model("clerk"))

    @clerk.tool_plain
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"rain in {city}"

    seen["tool"] = (await clerk.run("hello")).output
    async with clerk.run_stream("hello") as stream:
        seen["streamedTool"] = await stream.get_output()
    errors = []
    for name in ("nobody", "limited"):
        try:
            await Agent(model(name)).run("hello")
        except ModelHTTPError as error:
            errors.append(error.status_code)
    seen["errors"] = errors
    return seen


print(json.dumps(asyncio.run(main())))
