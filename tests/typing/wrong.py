"""Wrong calls. mypy and pyright must report every line marked `# error`, and no other: see tests/test_typing.py."""

from dataclasses import dataclass
from typing import assert_never

from agentkit import (
    Agent,
    ChatClient,
    ChatRequest,
    Context,
    Event,
    FunctionModel,
    Limits,
    Middleware,
    Model,
    RemoteModel,
    RunResult,
    RunState,
    ScriptedModel,
    Session,
    Settings,
    SQLiteStore,
    TextDelta,
    Tool,
    ToolFinished,
    Waiting,
    tool,
)


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


async def wrong_streams(plain: Agent[None, int], wanting: Agent[Shop, int]) -> None:
    plain.run("hi").output  # error
    await plain.run_sync("hi")  # error
    await plain.stream("hi")  # error
    with plain.stream("hi"):  # error
        pass
    async with plain.stream_sync("hi"):  # error
        pass
    wanting.stream_sync("hi")  # error
    async with plain.stream("hi") as run:
        for _ in run:  # error
            pass
        async for text in run.text():
            print(text.upper(), text.text)  # error
        run.result.output.upper()  # error
        run.finish().output  # error
        run.state.messages  # error
    with plain.stream_sync("hi") as sync_run:
        await sync_run.finish()  # error


class Wordless:
    async def complete(self, request: ChatRequest) -> str:
        return request.model


class Quiet(Middleware):
    async def around_tool(self, call: str) -> object:  # error
        return call


def answer(request: ChatRequest) -> int:
    return len(request.messages)


async def wrong_models(client: ChatClient) -> None:
    RemoteModel()  # error
    RemoteModel("m", url="https://host/v1")  # error
    RemoteModel("m", "https://host/v1")  # error
    RemoteModel("m", base_url=8080)  # error
    RemoteModel("m", timeout=30)  # error
    RemoteModel("m", client="https://host/v1")  # error
    ScriptedModel("hi", "there")  # error
    ScriptedModel([3])  # error
    FunctionModel(answer)  # error
    Agent(Wordless())  # error
    Agent("offline", middleware=[Wordless()])  # error
    ChatClient("https://host/v1", verify="no")  # error
    client.complete(ChatRequest(model="m", messages=())).choices  # error
    model: Model = RemoteModel  # error
    print(model)


def wrong_values(finished: ToolFinished, session: Session) -> None:
    finished.result.text  # error
    finished.call.arguments["city"]  # error
    SQLiteStore("runs.db").session(7)  # error
    session.load().messages  # error
    Limits(turns="20")  # error
    Context(shop=3)  # error


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
