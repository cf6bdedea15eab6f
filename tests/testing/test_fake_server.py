"""The strict server that ships with the package: it must be able to refuse, and to fail when it is told to."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit import (
    Agent,
    BadRequest,
    ChatClient,
    ChatRequest,
    ModelError,
    RemoteModel,
    RunState,
    ServerFailed,
    Timeout,
    tool,
)
from agentkit.chat import UserMessage
from agentkit.testing import FakeServer, Fault, check_invariants, strict_problem

pytestmark = pytest.mark.anyio

CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USER: dict[str, Any] = {"role": "user", "content": "hi"}


def asked(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [USER, *messages]}


def said(*calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def result(id: str = "c1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "ok"}


@tool
async def f() -> str:
    """F."""
    return "ok"


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_whole_run_against_the_fake_server(streamed: bool) -> None:
    with FakeServer([[("f", {}), ("f", {})], "done"]) as server:
        agent = Agent(RemoteModel("m", base_url=server.base_url), tools=[f])
        if streamed:
            async with agent.stream("go") as run:
                ended = await run.finish()
        else:
            ended = await agent.run("go")
        assert ended.output == "done"
        assert server.problems == []
        assert [m["role"] for m in server.requests[1]["messages"]] == ["user", "assistant", "tool", "tool"]
        check_invariants(ended)


async def test_errors_by_status_and_by_refusal() -> None:
    with FakeServer([503, "done"]) as server, pytest.raises(ServerFailed) as raised:
        await Agent(RemoteModel("m", base_url=server.base_url, retries=0)).run("go")
    check_invariants(raised.value)
    with (
        FakeServer(lambda request: "hi") as server,
        pytest.raises(BadRequest, match="results of \\['c1'\\] are missing"),
    ):
        client = ChatClient(server.base_url)
        request = ChatRequest(model="m", messages=(UserMessage(content="hi"),))
        await client.complete(request, body=str(asked(said(CALL))).replace("'", '"').replace("None", "null").encode())


TAKEN = [
    asked(),
    {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, USER]},
    asked(said(CALL), result(), {"role": "assistant", "content": "done"}, USER),
    asked(said(CALL, {**CALL, "id": "c2"}), result(), result("c2")),
]
REFUSED = [
    ({"model": "m", "messages": []}, "messages"),
    ({**asked(), "temperature": 3}, "temperature"),
    (asked(said(CALL)), "the results of ['c1'] are missing"),
    (asked(result()), "no result was due"),
    (asked(said(CALL), USER), "a user message where the results of ['c1'] were due"),
    (asked(said(CALL, {**CALL, "id": "c2"}), result("c2"), result()), "where ['c1'] was due"),
    (asked(said(CALL), result(), result()), "no result was due"),
    (asked(said(CALL, CALL), result(), result()), "not each their own"),
    (asked(said({**CALL, "id": ""}), result("")), "not each their own"),
    (asked(said({**CALL, "function": {"name": "a.b", "arguments": "{}"}}), result()), "no name of a function"),
    (asked(said({**CALL, "function": {"name": "f", "arguments": "{"}}), result()), "no JSON object"),
    (asked({"role": "system", "content": "late"}), "after the conversation began"),
    (asked(said(CALL), {**result(), "content": [{"type": "text", "text": "x"}]}), "is one text"),
]


@pytest.mark.parametrize("request_", TAKEN)
def test_what_a_strict_server_takes(request_: dict[str, Any]) -> None:
    assert strict_problem(request_) is None


@pytest.mark.parametrize(("request_", "problem"), REFUSED)
def test_what_a_strict_server_refuses(request_: dict[str, Any], problem: str) -> None:
    assert problem in (strict_problem(request_) or "")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("fault", [503, "reset", "cut", "stall", "garbage"])
async def test_a_fault_meets_the_request_it_is_for_and_the_run_can_go_on(fault: Fault, streamed: bool) -> None:
    with FakeServer([[("f", {})], "a longer answer"], faults={1: fault}) as server:
        patience = 1.0 if fault == "stall" else 30.0
        model = RemoteModel("m", base_url=server.base_url, retries=0, timeout=Timeout(first=patience, between=patience))
        agent = Agent(model, tools=[f])
        with pytest.raises(ModelError) as raised:
            if streamed:
                async with agent.stream("go") as run:
                    await run.finish()
            else:
                await agent.run("go")
        check_invariants(raised.value, server=server)
        assert RunState.of(raised.value).usage.requests_unknown == 1
        ended = await agent.run(RunState.of(raised.value))
        check_invariants(ended, server=server)
        assert ended.output == "a longer answer"
        assert len(server.requests) == 3
        assert server.billed.requests == 2
