"""Remarks of the API page that show only in a run."""

from __future__ import annotations

import anyio.lowlevel
import pytest

from agentkit import Agent, ConfigurationError, ScriptedModel, Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("parallel", "wanted"), [(False, ["+a", "-a", "+b", "-b", "+c", "-c"]), (None, None)])
async def test_without_parallel_calls_those_of_one_message_run_one_after_another(
    parallel: bool | None, wanted: list[str] | None
) -> None:
    seen: list[str] = []

    async def look(name: str) -> str:
        """Look."""
        seen.append(f"+{name}")
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        seen.append(f"-{name}")
        return name

    script = ScriptedModel([[("look", {"name": name}) for name in "abc"], "done"])
    result = await Agent(script, tools=[look], settings=Settings(parallel_tool_calls=parallel)).run("go")
    assert result.output == "done"
    assert sorted(seen) == ["+a", "+b", "+c", "-a", "-b", "-c"]
    if wanted is not None:
        assert seen == wanted
    else:  # all begin before the first ends
        assert {event[0] for event in seen[:3]} == {"+"}


async def test_settings_of_a_run_stand_over_those_of_the_agent_and_the_others_stay() -> None:
    model = ScriptedModel(["one", "two"])
    agent = Agent(model, settings=Settings(temperature=1, seed=7, extra={"top_k": 5, "min_p": 0.1}))
    await agent.run("go", settings=Settings(temperature=0, stop=["END"], extra={"top_k": 9}))
    await agent.run("go")
    sent = [request.to_json() for request in model.requests]
    assert [body.get("temperature") for body in sent] == [0, 1]
    assert [body.get("stop") for body in sent] == [["END"], None]
    assert [(body["seed"], body["top_k"], body["min_p"]) for body in sent] == [(7, 9, 0.1), (7, 5, 0.1)]


async def test_settings_that_do_not_fit_those_of_the_agent_are_refused_before_anything_is_asked() -> None:
    model = ScriptedModel(["one"])
    agent = Agent(model, settings=Settings(logprobs=True, top_logprobs=2))
    with pytest.raises(ConfigurationError, match="top_logprobs is only allowed with logprobs=True"):
        await agent.run("go", settings=Settings(logprobs=False))
    assert model.requests == []
