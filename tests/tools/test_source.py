"""Sources in a run: opened for it, a list that stays, and closed by whoever opened them."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import Agent, ConfigurationError, RunState, ScriptedModel, SourceFailed, Tool, ToolSource, tool
from agentkit.tools.source import wire_name
from tests.invariants import check_invariants

pytestmark = pytest.mark.anyio


class Shelf:
    """A source that remembers who opened it, and whose tools can change."""

    def __init__(self, *names: str, approval: bool = False) -> None:
        self.names, self.approval = list(names), approval
        self.opened, self.history = 0, list[str]()
        self.made: dict[tuple[str, ...], tuple[Tool[..., Any], ...]] = {}

    async def __aenter__(self) -> Shelf:
        if "broken" in self.names:
            raise SourceFailed("the shelf is broken")
        self.opened += 1
        self.history.append("opened")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.opened -= 1
        self.history.append("closed")

    async def tools(self) -> tuple[Tool[..., Any], ...]:
        assert self.opened
        key = tuple(self.names)
        if key not in self.made:
            self.made[key] = tuple(self.tool(name) for name in key)
        return self.made[key]

    def tool(self, name: str) -> Tool[..., Any]:
        def function() -> str:
            self.names = ["another"]  # while the run goes on
            return f"from {name}"

        return tool(function, name=name, description="Take it.", approval=self.approval)


def replies(state: RunState) -> list[str]:
    return [str(m.content) for m in state.messages if m.role == "tool"]


async def test_a_run_keeps_its_tools_while_the_source_changes() -> None:
    shelf = Shelf("book")
    agent = Agent(ScriptedModel([[("book", {})], [("book", {})], [("another", {})], "done"]), tools=[shelf])
    result = await agent.run("go")
    check_invariants(result.state)
    assert replies(result.state)[:2] == ["from book", "from book"]
    assert replies(result.state)[2].startswith("there is no tool 'another'")
    assert shelf.history == ["opened", "closed"]
    following = await agent.replace(model=ScriptedModel([[("another", {})], "done"])).run("again")
    assert replies(following.state) == ["from another"]


async def test_whoever_opened_a_source_closes_it_whatever_happens() -> None:
    shelf, broken = Shelf("book"), Shelf("broken")
    with pytest.raises(SourceFailed, match="the shelf is broken"):
        await Agent(ScriptedModel(["never"]), tools=[shelf, broken]).run("go")
    with pytest.raises(SourceFailed):
        async with Agent(ScriptedModel(["never"]), tools=[shelf, broken]):
            pytest.fail("it opens nothing by halves")
    with pytest.raises(ConfigurationError):
        await Agent(ScriptedModel([]), tools=[shelf]).run("go")
    assert shelf.opened == 0
    agent = Agent(ScriptedModel(["a", "b"]), tools=[shelf])
    async with agent:
        await agent.run("one")
        assert shelf.opened == 1
        await agent.run("two")
    assert shelf.opened == 0


async def test_requests_are_checked_once_while_a_source_stays_the_same() -> None:
    shelf = Shelf("book")
    agent = Agent(ScriptedModel(["a"]), tools=[shelf])
    async with agent:
        await agent.run("one")
        first = await agent.spec.opened()
        await agent.run("two")
        assert await agent.spec.opened() is first
    assert len(first.templates) == 1


async def test_agents_that_are_tools_and_agents_handed_over_to_have_their_own_sources() -> None:
    inner, other = Shelf("page"), Shelf("word")
    child = Agent(ScriptedModel([[("page", {})], "a page"]), name="reader", tools=[inner])
    target = Agent(ScriptedModel(["", "", [("word", {})], "a word"]), name="writer", tools=[other])
    script = [[("reader", {"input": "read"})], [("transfer_to_writer", {})]]
    agent = Agent(ScriptedModel(script), tools=[child.as_tool()], handoffs=[target])
    result = await agent.run("go")
    check_invariants(result.state)
    assert result.output == "a word"
    assert replies(result.state) == ["a page", "The conversation is now with writer.", "from word"]
    assert inner.history == other.history == ["opened", "closed"]


async def test_a_call_of_a_source_s_tool_waits_and_goes_on_in_another_process() -> None:
    def agent() -> Agent[None, str]:
        return Agent(ScriptedModel([[("book", {})], "done"]), tools=[Shelf("book", approval=True)])

    waiting = (await agent().run("go")).state
    saved = waiting.approve(waiting.waiting[0]).model_dump_json()
    done = await agent().run(RunState.model_validate_json(saved))
    assert replies(done.state) == ["from book"]


async def test_a_name_that_two_sources_have_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="two tools are named 'book'; rename one"):
        await Agent(ScriptedModel(["never"]), tools=[Shelf("book"), Shelf("book")]).run("go")


def test_a_source_is_known_by_what_it_does() -> None:
    assert isinstance(Shelf(), ToolSource)
    with pytest.raises(ConfigurationError, match="is a class"):
        Agent("offline", tools=[Shelf])


def test_names_for_the_wire_are_valid_and_kept_apart() -> None:
    assert wire_name("a.b/c d") == "a_b_c_d"
    assert wire_name("") == "_"
    assert wire_name("a_b", {"a_b"}) == wire_name("a_b", {"a_b"}) != "a_b"
    assert len(wire_name("x" * 100)) == 64
    assert wire_name("x" * 100) != wire_name("x" * 101)
