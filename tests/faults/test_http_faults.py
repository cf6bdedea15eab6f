"""Every HTTP fault at every request of the golden run, once and for good: typed error, sendable history, no effect twice (F1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from agentkit import Agent, ChatRequest, ModelError, RemoteModel, RunState
from agentkit.models.scripted import chunks_of, completion_of
from agentkit.testing import check_invariants
from tests.loopback import Received, Reply, serve, whole

from .golden import EXPECTED, SCRIPT, Effects, finished, tools

STREAM = {"content-type": "text/event-stream"}
TURNS = range(len(SCRIPT))
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 520, 524, 529)
POSITIONS = (0.0, 0.2, 0.5, 0.8, 0.97)


def good(body: dict[str, Any]) -> Reply:
    """What the script says at this point of the conversation, as it was asked for: streamed or whole."""
    said = [message["role"] for message in body["messages"]].count("assistant")
    completion = completion_of(SCRIPT[said], ChatRequest(**body))
    if not body.get("stream"):
        return Reply(completion.json_bytes())
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks_of(completion)) + "data: [DONE]\n\n"
    return Reply(events.encode(), headers=STREAM)


def status(code: int) -> Callable[[Reply], Reply]:
    return lambda reply: whole({"error": {"message": "fault"}}, code, retry_after_ms="1")


def ends(how: Any, position: float) -> Callable[[Reply], Reply]:
    return lambda reply: Reply(reply.body[: int(len(reply.body) * position)], headers=reply.headers, ending=how)


def instead(position: float, rest: bytes) -> Callable[[Reply], Reply]:
    def fault(reply: Reply) -> Reply:
        events = reply.body.split(b"\n\n")
        kept = b"".join(event + b"\n\n" for event in events[: int(len(events) * position)])
        return Reply(kept + rest, headers=reply.headers)

    return fault


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    **{f"status-{code}": status(code) for code in STATUSES},
    **{f"{how}-at-{position}": ends(how, position) for how in ("cut", "reset", "close") for position in POSITIONS},
    **{f"nonsense-at-{position}": instead(position, b"data: {nonsense\n\n") for position in POSITIONS},
    **{f"wrong-shape-at-{position}": instead(position, b'data: {"choices":7}\n\n') for position in POSITIONS},
    **{
        f"error-event-at-{position}": instead(position, b'data: {"error":{"message":"fault"}}\n\n')
        for position in POSITIONS
    },
    "html": lambda reply: Reply(b"<html>fault</html>", headers={"content-type": "text/html"}),
    "nothing": lambda reply: Reply(b"", headers=reply.headers),
    "null-choices": lambda reply: whole({"choices": None}),
    "an-array": lambda reply: whole([1]),
    "compressed-nonsense": lambda reply: Reply(b"fault", headers={**reply.headers, "content-encoding": "gzip"}),
}


async def with_fault(name: str, turn: int, always: bool, streamed: bool) -> int:
    """The golden run with one fault; returns how many requests it took."""
    faults = 0

    def answer(received: Received) -> Reply:
        nonlocal faults
        said = [message["role"] for message in received.json["messages"]].count("assistant")
        reply = good(received.json)
        if said != turn or (faults and not always):
            return reply
        faults += 1
        return FAULTS[name](reply)

    effects = Effects()
    with serve(answer) as server:
        model = RemoteModel("m", base_url=server.base_url, retries=2 if name.startswith("status") else 0)
        agent = Agent(model, tools=tools(effects))
        given: str | RunState = "go"
        try:
            result = await finished(agent, given, streamed)
        except ModelError as error:
            check_invariants(error)
            effects.check_at_most_once()
            always = False  # the server is mended, and the run goes on from the error's state
            result = await finished(agent, RunState.model_validate_json(RunState.of(error).model_dump_json()), streamed)
        requests = len(server.requests)
    assert faults >= 1
    assert result.output == "done"
    effects.check_at_most_once()
    assert effects.counted() == EXPECTED
    check_invariants(result)
    return requests


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("turn", TURNS)
def test_after_any_http_fault_the_run_goes_on_with_every_effect_once(
    turn: int, streamed: bool, backend: str, cases: Callable[[int], None]
) -> None:
    count = 0
    for name in FAULTS:
        if (
            not streamed
            and "-at-" in name
            and name.split("-at-")[0] in ("nonsense", "wrong-shape", "error-event", "close")
        ):
            continue  # a body without a length that ends early is just another body
        for always in (False, True):
            requests = anyio.run(with_fault, name, turn, always, streamed, backend=backend)
            assert requests >= len(SCRIPT), name
            count += 1
    cases(count)


def test_a_fault_of_each_kind_at_the_first_request() -> None:
    for name in ("status-503", "cut-at-0.5", "nonsense-at-0.2", "html"):
        assert anyio.run(with_fault, name, 0, True, True) > len(SCRIPT)
