"""`langchain-openai` against a served agent: prints one JSON object with what it saw."""

import json
import sys

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Place(BaseModel):
    """A place."""

    city: str
    degrees: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"rain in {city}"


def model(name: str, **options: object) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0, **options)


seen: dict[str, object] = {}
answer = model("offline").invoke("hello")
seen["chat"], seen["usage"] = answer.content, answer.usage_metadata["total_tokens"] > 0
chunks = list(model("offline", stream_usage=True).stream("hello"))
seen["stream"] = "".join(chunk.content for chunk in chunks)
seen["streamUsage"] = any(chunk.usage_metadata for chunk in chunks)
for method in ("json_schema", "function_calling"):
    place = model("offline").with_structured_output(Place, method=method).invoke("Oslo has 5 degrees")
    seen[method] = type(place).__name__
logprobs = model("offline", logprobs=True).invoke("hello").response_metadata["logprobs"]
seen["logprobs"] = "".join(row["token"] for row in logprobs["content"])
messages = [HumanMessage("hello")]
clerk = model("clerk").bind_tools([get_weather])
asked = clerk.invoke(messages)
results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
seen["tool"] = clerk.invoke([*messages, asked, *results]).content
errors = []
for wrong in (model("nobody"), model("offline", temperature=9), model("limited")):
    try:
        wrong.invoke("hello")
    except openai.APIStatusError as error:
        errors.append(error.status_code)
seen["errors"] = errors
print(json.dumps(seen))
