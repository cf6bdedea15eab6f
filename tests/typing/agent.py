"""What type checkers know of an agent: checked by mypy and pyright, not run."""

from dataclasses import dataclass
from typing import assert_type

from pydantic import BaseModel

from agentkit import Agent, Context, RunResult, tool


@dataclass
class Shop:
    name: str


class Answer(BaseModel):
    city: str


@tool
async def greet(ctx: Context[Shop], name: str) -> str:
    """Greet somebody."""
    return f"{name} from {ctx.deps.name}"


plain = Agent("offline")
assert_type(plain, Agent[None, str])
typed = Agent("offline", output=Answer)
assert_type(typed, Agent[None, Answer])
with_deps = Agent("offline", deps=Shop, tools=[greet])
assert_type(with_deps, Agent[Shop, str])
both = Agent("offline", deps=Shop, output=Answer, tools=[greet])
assert_type(both, Agent[Shop, Answer])


async def verbs() -> None:
    assert_type(await plain.run("hi"), RunResult[str])
    assert_type((await typed.run("hi")).output, Answer)
    assert_type((await both.run("hi", deps=Shop("a"))).output, Answer)
    assert_type(both.run_sync("hi", deps=Shop("a")).output, Answer)
    await both.run("hi")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue, reportArgumentType]  the deps are missing
    await both.run("hi", deps=3)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]  the wrong deps
    async with both.stream("hi", deps=Shop("a")) as run:
        async for _ in run:
            pass
        assert_type(run.result.output, Answer)


async def a_tool_stays_a_function() -> None:
    assert_type(await greet(Context(deps=Shop("a")), "Ann"), str)
    await greet(Context(deps=Shop("a")), 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
