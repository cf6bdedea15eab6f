"""Two Python functions become tools; the agent calls one of them twice in parallel, and its answer is streamed.

    python examples/01_quickstart.py

Runs offline. With OPENAI_API_KEY (or AGENTKIT_BASE_URL, AGENTKIT_API_KEY) and AGENTKIT_MODEL set, a real model answers.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal

from agentkit import Agent, TextDelta, ToolFinished, ToolStarted, model_from_environment, tool

CELSIUS = {"boston": 9.0, "paris": 14.5}


@tool(effect="read")
async def get_weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius") -> dict[str, object]:
    """Current weather of a city.

    Args:
        city: The city, e.g. Boston
        unit: Unit of the temperature
    """
    degrees = CELSIUS.get(city.lower(), 20.0)
    return {"city": city, "degrees": degrees if unit == "celsius" else degrees * 9 / 5 + 32, "unit": unit}


@tool(effect="read")
def current_time(hours_from_utc: float) -> str:
    """The time of day at a place.

    Args:
        hours_from_utc: How far its clocks are ahead of UTC, e.g. 1 for Paris in winter
    """
    return (datetime.now(UTC) + timedelta(hours=hours_from_utc)).strftime("%H:%M")


agent = Agent(
    model_from_environment(),
    tools=[get_weather, current_time],
    instructions="Answer in one or two sentences.",
)

if __name__ == "__main__":
    question = "What is the weather in Boston and Paris?"
    print(f"> {question}")
    with agent.stream_sync(question) as run:
        for event in run:
            match event:
                case ToolStarted(call):
                    print(f"  {call.name}({call.arguments}) started")
                case ToolFinished(call, result):
                    print(f"  {call.name}: {result.status} {result.content}")
                case TextDelta(text):
                    print(text, end="", flush=True)
                case _:
                    pass
        print(f"\n{run.result!r}")
