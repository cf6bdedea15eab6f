"""Wrong calls. mypy and pyright must report every line marked `# error`, and no other: see tests/test_typing.py."""

from dataclasses import dataclass
from typing import assert_never

from agentkit import Agent, Context, Event, Limits, RunResult, RunState, Settings, TextDelta, Tool, Waiting, tool


@dataclass
class Shop:
    name: str


@tool
def count(ctx: Context[Shop], item: str) -> int:
    """Count an item."""
    ctx.deps.town  # error
    ctx.deps = Shop("other")  # error
    return ctx.deps.name  # error


@tool(effect="read")
async def weather(city: str, *, days: int = 1) -> str:
    """Tell the weather."""
    return city * days


class Desk:
    @tool
    def note(self, text: str) -> int:
        """Keep a note."""
        return len(text)


def double(number: int) -> int:
    """Double a number."""
    return 2 * number


async def wrong_calls_of_tools(shop: Context[Shop], other: Context[str], desk: Desk) -> None:
    count("tea")  # error
    count(shop, 3)  # error
    count(other, "tea")  # error
    count(shop, item="tea", shelf=2)  # error
    text: str = count(shop, "tea")  # error
    await weather("Oslo", 2)  # error
    await weather(town="Oslo")  # error
    weather("Oslo").upper()  # error
    desk.note(3)  # error
    desk.note("a", "b")  # error
    desk.note("a").upper()  # error
    Desk.note("a")  # error
    print(text)


def wrong_options() -> None:
    tool(double, effect="delete")  # error
    tool(double, timeot=3)  # error
    tool(double, timeout="3")  # error
    tool(effect="read", approval="yes")  # error
    tool(3)  # error
    tool(double)("three")  # error
    tool(strict=True)(double)("three")  # error
    Tool.from_schema("f", "F.", '{"type": "object"}', double)  # error
    Tool.from_schema("f", "F.", {}, double, name="g")  # error
    Tool.from_schema("f", "F.", {})  # error
    Tool.external("f", "F.", {}, effect="none")  # error


def wrong_agents(wanted: Agent[Shop, int]) -> None:
    Agent()  # error
    Agent(3)  # error
    Agent("offline", instruction="Be brief.")  # error
    Agent("offline", deps=Shop("a"))  # error
    Agent("offline", output=3)  # error
    Agent("offline", tools=weather)  # error
    Agent("offline", limits=20)  # error
    Agent("offline", settings={"temperature": 1})  # error
    Agent("offline", choose="best")  # error
    Agent("offline", handoffs=[weather])  # error
    Agent("offline", limits=Limits(turn=3))  # error
    Agent("offline", limits=Limits(on_limit="stop"))  # error
    Agent("offline", settings=Settings(temprature=1))  # error
    Agent("offline", settings=Settings(temperature="hot"))  # error
    Agent("offline", settings=Settings(tool_choice="always"))  # error
    wanted.replace(instruction="Be brief.")  # error
    wanted.override(models="offline")  # error
    wanted.as_tool("a", "A.", efect="read")  # error
    other: Agent[Shop, str] = wanted  # error
    other.spec = wanted.spec  # error


async def wrong_runs(plain: Agent[None, int], wanting: Agent[Shop, int]) -> None:
    await plain.run()  # error
    await plain.run(3)  # error
    await plain.run("hi", deps=Shop("a"))  # error
    await plain.run("hi", temperature=1)  # error
    await plain.run("hi", session="s1")  # error
    await wanting.run("hi")  # error
    await wanting.run("hi", deps="a")  # error
    wanting.run_sync("hi")  # error
    wanting.stream("hi", deps=3)  # error
    plain.run_sync("hi").output.upper()  # error
    (await wanting.run("hi", deps=Shop("a"))).output.name  # error


def wrong_results(result: RunResult[int | None], state: RunState, waiting: Waiting, event: Event) -> None:
    print(result.output + 1)  # error
    result.output = 3  # error
    result.answer  # error
    state.approve(0)  # error
    state.approve(waiting, "edited")  # error
    state.deny(waiting, reason=3)  # error
    state.retry()  # error
    state.decide(waiting, verdict="approve")  # error
    waiting.why = "unknown"  # error
    event.text  # error
    if not isinstance(event, TextDelta):
        assert_never(event)  # error
