"""Agent loops that other frameworks recorded with real providers, replayed over loopback: same tool messages, same end."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent, Limits, OutputTruncated, RemoteModel, RunResult, Tool
from tests.invariants import check_invariants
from tests.loopback import Received, Reply, serve

pytestmark = pytest.mark.anyio

CORPUS = Path(__file__).parent / "data" / "corpus"


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text().splitlines()]


EXCHANGES = {row["id"]: row for row in _rows("exchanges.jsonl")}
LOOPS = _rows("loops.jsonl")


def _offered(loop: dict[str, Any]) -> bool:
    names = {tool["function"]["name"] for tool in loop["tools"]}
    return all(call["name"] in names for call in loop["calls"])


CUT = [loop for loop in LOOPS if loop["final"]["finish_reason"] == "length"]
REPLAYED = [loop for loop in LOOPS if not loop["tools_change"] and loop not in CUT and _offered(loop)]


def _key(name: str, arguments: Any) -> str:
    values = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
    return f"{name} {json.dumps(values, sort_keys=True)}"


def _tools(loop: dict[str, Any]) -> list[Tool[..., Any]]:
    """The recorded tools; each call gives its recorded result, equal calls theirs in turn."""
    results: dict[str, list[Any]] = defaultdict(list)
    for call in loop["calls"]:
        results[_key(call["name"], call["arguments"])].append(loop["tool_results"][call["id"]])

    def made(function: dict[str, Any]) -> Tool[..., Any]:
        async def run(**arguments: Any) -> Any:
            return results[_key(function["name"], arguments)].pop(0)

        about, parameters = function.get("description") or "A tool.", function.get("parameters") or {}
        return Tool.from_schema(
            function["name"], about, parameters, run, strict=False, max_result=10**7, lock="in call order"
        )

    return [made(tool["function"]) for tool in loop["tools"]]


def _reply(loop: dict[str, Any], position: int, cut: int | None) -> Reply:
    exchange = EXCHANGES[loop["steps"][position]]
    if exchange["kind"] == "sse":
        return Reply(exchange["sse_text"].encode(), cut, headers={"content-type": "text/event-stream"})
    return Reply(json.dumps(exchange["response_body"]).encode(), cut)


async def _replay(loop: dict[str, Any], cut: int | None) -> tuple[RunResult[str], list[Received]]:
    begun = sum(message["role"] == "assistant" for message in loop["first_messages"])

    def answer(received: Received) -> Reply:
        said = sum(message["role"] == "assistant" for message in received.json["messages"])
        return _reply(loop, said - begun, cut)

    with serve(answer) as server:
        model = RemoteModel(loop["model"] or "m", base_url=server.base_url, retries=0)
        agent = Agent(model, tools=_tools(loop), limits=Limits(repeats=None))
        if any(loop["stream"]):
            async with agent.stream(loop["first_messages"]) as run:
                result = await run.finish()
        else:
            result = await agent.run(loop["first_messages"])
        return result, server.requests


def test_the_corpus_has_a_hundred_loops_to_replay() -> None:
    assert len(REPLAYED) == 100, "the README of the corpus names the six others"


@pytest.mark.parametrize("cut", [None, 7], ids=["whole", "pieces"])
@pytest.mark.parametrize("loop", REPLAYED, ids=[f"{loop['id']}-{loop['provider']}" for loop in REPLAYED])
async def test_a_recorded_loop_ends_as_it_did(loop: dict[str, Any], cut: int | None) -> None:
    result, requests = await _replay(loop, cut)
    assert result.output == (loop["final"]["content"] or "")
    assert len(requests) == len(loop["steps"])
    messages = requests[-1].json["messages"]
    sent = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    for id, recorded in loop[
        "tool_results"
    ].items():  # parts, which only one provider takes in tool messages, go as JSON
        assert (sent[id] if isinstance(recorded, str) else json.loads(sent[id])) == recorded
    check_invariants(result.state)


@pytest.mark.parametrize("loop", CUT, ids=[loop["id"] for loop in CUT])
async def test_a_recorded_loop_that_was_cut_says_so_and_keeps_the_text(loop: dict[str, Any]) -> None:
    with pytest.raises(OutputTruncated) as raised:
        await _replay(loop, None)
    assert raised.value.text == loop["final"]["content"]
