"""Three ways to follow a run: its text, its events, and its events as JSON lines for a browser."""

import asyncio

from agentkit import Agent, Context, ToolProgress, ToolProposed, event_json, model_from_environment, tool


@tool(effect="read")
async def search_library(topic: str, ctx: Context[None]) -> list[str]:
    """Search the library for books about a topic.

    Args:
        topic: What the books are about, e.g. bees
    """
    await ctx.progress("reading the catalogue", done=1, total=2)
    await ctx.progress("reading the shelves", done=2, total=2)
    return [f"A short history of {topic}", f"{topic.capitalize()} for beginners"]


agent = Agent(model_from_environment(), tools=[search_library], instructions="You are a librarian.")
QUESTION = 'Search the library for books about "bees".'


async def text() -> None:
    """Only the words of the answer."""
    async with agent.stream(QUESTION) as run:
        async for piece in run.text():
            print(piece, end="", flush=True)
    print()


async def events() -> None:
    """What happens on the way."""
    async with agent.stream(QUESTION) as run:
        async for event in run:
            match event:
                case ToolProposed(call):
                    print(f"the model asks for {call.name}")
                case ToolProgress(call, message, done, total):
                    print(f"{call.name}: {message} ({done:g} of {total:g})")
                case _:
                    pass
    print(f"{run.result.usage.requests} requests")


async def json_lines() -> None:
    """What a web page would receive as server-sent events."""
    async with agent.stream(QUESTION) as run:
        async for event in run:
            print(f"data: {event_json(event)}")


async def main() -> None:
    await text()
    await events()
    await json_lines()


if __name__ == "__main__":
    asyncio.run(main())
