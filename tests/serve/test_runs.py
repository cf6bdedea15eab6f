"""Runs that live in the server, and the endpoint of their events, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from agentkit import Agent, FunctionModel, Limits, MemoryStore, ScriptedModel, SQLiteStore, tool
from agentkit.chat import ChatCompletion
from agentkit.errors import RateLimited
from agentkit.serve import create_app
from agentkit.serve.log import RunLog
from tests.serve.paced import Paced
from tests.serve.running import running

GO = threading.Event()


@tool(effect="read")
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order} is on its way"


@tool(approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded order {order}"


@tool
def hold(order: int) -> str:
    """Work on an order until the test says so."""
    GO.wait(20)
    return f"held order {order}"


def desk(*script: Any, **options: Any) -> Agent[None, str]:
    return Agent(ScriptedModel([*script]), name="desk", tools=[look_up, refund, hold], **options)


@pytest.fixture(autouse=True)
def held_calls_end() -> Iterator[None]:
    GO.clear()
    yield
    GO.set()


class Client(httpx.Client):
    """Asks a served application as a user's program would."""

    def begin(self, text: str | None = "go", **more: Any) -> dict[str, str]:
        answer = self.post("/agentkit/runs", json={"agent": "desk", "input": text, **more})
        assert answer.status_code == 201, answer.text
        begun: dict[str, str] = answer.json()
        return begun

    def events(self, run: str, after: int = 0, **headers: str) -> list[dict[str, Any]]:
        """All events of a run, read to its end."""
        answer = self.get(f"/agentkit/runs/{run}/events", params={"after": after}, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.text.splitlines()
        numbers = [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert numbers == [str(event["n"]) for event in events]
        return events

    def run(self, text: str | None = "go", **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """A run to its end: its events, and its session afterwards."""
        begun = self.begin(text, **more)
        events = self.events(begun["run"])
        return events, self.get(f"/agentkit/sessions/{begun['session']}").json()


@pytest.fixture
def served() -> Iterator[Any]:
    """`with` an application's client for as long as the test lasts."""
    exits: list[Any] = []

    def serve(app: Starlette, key: str | None = None) -> Client:
        block = running(app)
        url = block.__enter__()
        client = Client(base_url=url, timeout=20, headers={"authorization": f"Bearer {key}"} if key else {})
        exits.append((block, client))
        return client

    yield serve
    GO.set()
    for block, client in exits:
        client.close()
        block.__exit__(None, None, None)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def test_a_run_lives_in_the_server_and_its_events_are_numbered_and_timed(served: Any) -> None:
    client = served(create_app(desk([("look_up", {"order": 7})], "It is on its way.")))
    begun = client.begin()
    events = client.events(begun["run"])
    assert [event["n"] for event in events] == list(range(1, len(events) + 1))
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert (names(events)[0], names(events)[-1]) == ("RunStarted", "RunFinished")
    assert "".join(e["text"] for e in events if e["event"] == "TextDelta") == "It is on its way."
    finished = next(event for event in events if event["event"] == "ToolFinished")
    assert (finished["call"]["id"], finished["result"]["content"]) == ("0.0", "order 7 is on its way")


def test_model_requests_are_told_with_their_tokens_and_a_call_that_starts_early_starts_between(served: Any) -> None:
    script = ScriptedModel([[("look_up", {"order": 7}), ("look_up", {"order": 8})], "Both."])
    client = served(create_app(Agent(Paced(script), name="desk", tools=[look_up])))
    events, _ = client.run()
    begun, over = (next(e for e in events if e["event"] == name) for name in ("ModelStarted", "ModelFinished"))
    assert (begun["turn"], begun["agent"], begun["model"], begun["request"]) == (0, "desk", "paced", 1)
    assert over["usage"]["total_tokens"] > 0
    assert over["finish_reason"] == "tool_calls"
    early = next(event for event in events if event["event"] == "ToolStarted")
    assert begun["n"] < early["n"] < over["n"]
    assert [event["turn"] for event in events if event["event"] == "ModelStarted"] == [0, 1]


@pytest.mark.parametrize(
    ("name", "said", "cost"),
    [("nobody-s-model", {}, None), ("nobody-s-model", {"cost": 0.25}, 0.25), ("gpt-4o", {}, 0.0125)],
)
def test_a_cost_is_told_when_the_provider_or_the_table_of_prices_knows_it(
    served: Any, name: str, said: dict[str, float], cost: float | None
) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000, **said}
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": name, "choices": [choice], "usage": usage}
    events, _ = served(create_app(desk(ChatCompletion.model_validate(body)))).run()
    over = next(event for event in events if event["event"] == "ModelFinished")
    assert over["cost"] == cost


def test_reading_goes_on_after_any_event_without_loss(served: Any) -> None:
    client = served(create_app(desk([("look_up", {"order": 7})], "It is on its way.")))
    run = client.begin()["run"]
    whole = client.events(run)
    for after in range(len(whole) + 1):
        assert client.events(run, after) == whole[after:]
        assert client.events(run, **{"last-event-id": str(after)}) == whole[after:]


def test_a_reader_in_the_middle_of_a_run_sees_what_was_and_what_comes(served: Any) -> None:
    client = served(create_app(desk([("hold", {"order": 1})], "Done.")))
    run = client.begin()["run"]
    seen: list[str] = []
    with client.stream("GET", f"/agentkit/runs/{run}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line[6:])["event"])
                if seen[-1] == "ToolStarted":
                    GO.set()
    assert seen == names(client.events(run))
    assert seen[-1] == "RunFinished"


def test_a_reader_who_reads_nothing_holds_no_run(served: Any) -> None:
    client = served(create_app(desk("x" * 600_000)))
    run = client.begin()["run"]
    with client.stream("GET", f"/agentkit/runs/{run}/events"):
        assert names(client.events(run))[-1] == "RunFinished"


def test_going_on_where_there_is_nothing_to_go_on_with_is_refused(served: Any) -> None:
    client = served(create_app(desk("Never.")))
    for more in ({}, {"session": "new"}):
        answer = client.post("/agentkit/runs", json={"agent": "desk", "input": None, **more})
        assert (answer.status_code, answer.json()["error"]["param"]) == (409, "input")


def test_a_cancelled_run_says_so_and_its_session_knows_what_is_unknown(served: Any) -> None:
    client = served(create_app(desk([("hold", {"order": 1})], "Done.")))
    begun = client.begin()
    with client.stream("GET", f"/agentkit/runs/{begun['run']}/events") as answer:
        next(line for line in answer.iter_lines() if '"ToolStarted"' in line)
    busy = client.post("/agentkit/runs", json={"agent": "desk", "input": "more", "session": begun["session"]})
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "session_conflict")
    assert client.get("/agentkit/sessions").json()["sessions"][0]["status"] == "running"
    assert client.delete(f"/agentkit/sessions/{begun['session']}").status_code == 409
    assert client.post(f"/agentkit/runs/{begun['run']}/cancel", json={}).status_code == 202
    GO.set()  # a thread is not interrupted: the call may have taken effect
    assert names(client.events(begun["run"]))[-1] == "RunCancelled"
    session = client.get(f"/agentkit/sessions/{begun['session']}").json()
    assert session["items"][-1]["calls"][0]["status"] == "unknown"
    events, session = client.run(None, session=begun["session"])  # it goes on
    assert (names(events)[-1], session["status"]) == ("RunFinished", "done")


def test_a_failed_run_tells_its_kind_and_an_id_and_nothing_of_its_inside(served: Any) -> None:
    client = served(create_app(desk(RateLimited("the account sk-secret is over its quota", status=429))))
    begun = client.begin()
    last = client.events(begun["run"])[-1]
    assert last["event"] == "RunFailed"
    assert last["error"] == f"RateLimited (request id {begun['run']})"
    assert client.get(f"/agentkit/sessions/{begun['session']}").json()["status"] == "interrupted"


def test_a_run_that_cannot_begin_is_refused_by_the_request_that_would_start_it(served: Any) -> None:
    client = served(create_app(desk("hi")))
    for body, status in [
        ({"agent": "nobody", "input": "hi"}, 404),
        ({"agent": "desk"}, 400),
        ({"agent": "desk", "input": ""}, 400),
        ({"agent": "desk", "input": ["hi"]}, 400),
        ({"agent": "desk", "input": "hi", "session": "../other"}, 400),
        ({"agent": "desk", "input": "hi", "session": 7}, 400),
        ([], 400),
    ]:
        assert client.post("/agentkit/runs", json=body).status_code == status, body
    assert client.get("/agentkit/sessions").json() == {"sessions": []}


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 16])
def test_an_event_number_that_is_none_is_refused(served: Any, after: str) -> None:
    client = served(create_app(desk("hi")))
    assert client.get(f"/agentkit/runs/{client.begin()['run']}/events", params={"after": after}).status_code == 400


def test_what_a_key_made_belongs_to_it_alone(served: Any) -> None:
    app = create_app(desk([("refund", {"order": 7})], "Done."), keys=["first-key", "second-key"])
    client = served(app, "first-key")
    begun = client.begin()
    client.events(begun["run"])
    run, session = f"/agentkit/runs/{begun['run']}", f"/agentkit/sessions/{begun['session']}"
    call = client.get(session).json()["waiting"][0]
    decision = {"call": call["call"], "digest": call["digest"], "verdict": "approve"}
    for key, status in [("second-key", 404), ("third-key", 401)]:
        other = {"headers": {"authorization": f"Bearer {key}"}}
        for method, path, body in [
            ("GET", f"{run}/events", None),
            ("POST", f"{run}/cancel", {}),
            ("GET", session, None),
            ("GET", f"{session}/export", None),
            ("POST", f"{session}/decisions", decision),
            ("DELETE", session, None),
        ]:
            answer = client.request(method, path, json=body, **other)
            assert answer.status_code == status, (method, path, answer.text)
    assert client.get("/agentkit/sessions", headers={"authorization": "Bearer second-key"}).json() == {"sessions": []}
    assert client.get(session).json()["status"] == "waiting"


def test_ids_are_no_paths(served: Any) -> None:
    client = served(create_app(desk("hi")))
    client.begin(session="mine")
    for id in ["..", "%2e%2e%2fmine", "a%00b", "x" * 129, "mine%2f..%2fmine", "anyone%2fsessions%2fmine", "m ine", "é"]:
        assert client.get(f"/agentkit/sessions/{id}").status_code in (400, 404), id
        assert client.get(f"/agentkit/runs/{id}/events").status_code == 404, id


def test_the_events_of_a_run_are_forgotten_some_time_after_its_end(served: Any) -> None:
    app = create_app(desk("hi"))
    client = served(app)
    first = client.begin()
    client.events(first["run"])
    app.state.runs.kept = 0.0
    assert client.get(f"/agentkit/runs/{first['run']}/events").status_code == 404
    session = client.get(f"/agentkit/sessions/{first['session']}").json()
    assert (session["run"], session["items"][-1]["text"]) == (None, "hi")


def test_requests_of_an_agent_that_runs_as_a_tool_are_told_without_a_turn(served: Any) -> None:
    inner = Agent(ScriptedModel(["inner words"]), name="inner")
    outer = Agent(ScriptedModel([[("inner", {"input": "?"})], "outer words"]), name="desk", tools=[inner.as_tool()])
    events, _ = served(create_app(outer)).run()
    requests = [(e["agent"], e["turn"]) for e in events if e["event"] == "ModelStarted"]
    assert requests == [("desk", 0), ("inner", None), ("desk", 1)]
    nested = [event for event in events if event["event"] == "AgentEvent"]
    assert {(event["call"], event["agent"]) for event in nested} == {("0.0", "inner")}
    assert "".join(e["inner"]["text"] for e in nested if e["inner"]["event"] == "TextDelta") == "inner words"


def test_agents_are_told_with_their_tools_and_effects(served: Any) -> None:
    (agent,) = served(create_app(desk("hi"))).get("/agentkit/agents").json()["agents"]
    assert agent["agent"] == "desk"
    assert {tool["name"]: tool["effect"] for tool in agent["tools"]} == {
        "look_up": "read", "refund": "write", "hold": "write"
    }  # fmt: skip


def test_too_many_runs_at_a_time_are_refused(served: Any) -> None:
    from agentkit.serve import Reach

    client = served(create_app(desk([("hold", {"order": 1})], "Done."), reach=Reach(concurrent=2)))
    client.begin(), client.begin()
    assert client.post("/agentkit/runs", json={"agent": "desk", "input": "go"}).status_code == 429


def echo(request: Any) -> str:
    return f"you said {request.messages[-1].content}"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else SQLiteStore(tmp_path / "sessions.db")


def test_sessions_are_listed_searched_resumed_exported_and_deleted_with_any_store(served: Any, store: Any) -> None:
    client = served(create_app(Agent(FunctionModel(echo), name="desk"), store=store))
    client.run("the weather in Boston", session="first")
    client.run("an order of TEA", session="second")
    client.run("and in Paris?", session="first")

    def found(search: str) -> list[str]:
        rows = client.get("/agentkit/sessions", params={"search": search}).json()["sessions"]
        return [row["session"] for row in rows]

    assert (found(""), found("tea"), found("said and in"), found("snow")) == (
        ["first", "second"],
        ["second"],
        ["first"],
        [],
    )
    row = client.get("/agentkit/sessions").json()["sessions"][0]
    assert row == {"session": "first", "title": "the weather in Boston", "agent": "desk", "status": "done"}
    items = client.get("/agentkit/sessions/first").json()["items"]
    assert [item["text"] for item in items] == [
        "the weather in Boston", "you said the weather in Boston", "and in Paris?", "you said and in Paris?"
    ]  # fmt: skip
    export = client.get("/agentkit/sessions/first/export")
    kinds = [json.loads(line)["kind"] for line in export.text.splitlines()]
    assert kinds == ["input", "completion", "ended"] * 2
    assert export.headers["content-disposition"] == 'attachment; filename="first.jsonl"'
    assert client.delete("/agentkit/sessions/first").status_code == 204
    assert client.get("/agentkit/sessions/first").status_code == 404
    assert found("") == ["second"]


def test_a_decision_is_for_the_call_that_was_shown_and_works_once(served: Any, store: Any) -> None:
    app = create_app(desk([("refund", {"order": 7})], [("refund", {"order": 8})], "Done."), store=store)
    client = served(app)
    events, session = client.run()
    assert (names(events)[-2:], events[-1]["status"]) == (["Waiting", "RunFinished"], "waiting")
    (call,) = session["waiting"]
    assert (call["tool"], call["arguments"], call["effect"], call["why"]) == (
        "refund",
        '{"order":7}',
        "write",
        "approval",
    )
    path = f"/agentkit/sessions/{session['session']}/decisions"
    approve = {"call": call["call"], "digest": call["digest"], "verdict": "approve"}
    for wrong, status in [
        ({**approve, "digest": "0" * 64}, 409),
        ({**approve, "call": "5.0"}, 409),
        ({**approve, "verdict": "retry"}, 400),
        ({**approve, "verdict": "yes"}, 400),
        ({"call": call["call"], "verdict": "approve"}, 400),
    ]:
        assert client.post(path, json=wrong).status_code == status, wrong
    run = client.post(path, json=approve).json()["run"]
    results = [event["result"]["content"] for event in client.events(run) if event["event"] == "ToolFinished"]
    assert results == ["refunded order 7"]
    assert client.post(path, json=approve).status_code == 409  # the next call waits, and is another
    (other,) = client.get(f"/agentkit/sessions/{session['session']}").json()["waiting"]
    deny = {"call": other["call"], "digest": other["digest"], "verdict": "deny", "reason": "too much"}
    client.events(client.post(path, json=deny).json()["run"])
    turns = [
        item
        for item in client.get(f"/agentkit/sessions/{session['session']}").json()["items"]
        if item["kind"] == "turn"
    ]
    assert [(c["status"], c["result"]) for turn in turns for c in turn["calls"]] == [
        ("ok", "refunded order 7"), ("denied", "denied: too much")
    ]  # fmt: skip
    assert turns[-1]["text"] == "Done."


def test_of_two_calls_that_wait_each_is_decided_by_itself_inside_an_agent_too(served: Any) -> None:
    inner = Agent(ScriptedModel([[("refund", {"order": 9})], "inner done"]), name="inner", tools=[refund])
    script = [[("refund", {"order": 7}), ("inner", {"input": "refund 9"})], "Done."]
    client = served(create_app(Agent(ScriptedModel(script), name="desk", tools=[refund, inner.as_tool()])))
    _, session = client.run(session="s")
    assert [(call["call"], call["arguments"]) for call in session["waiting"]] == [
        ("0.0", '{"order":7}'), ("0.1/0.0", '{"order":9}')
    ]  # fmt: skip
    assert [call["effect"] for call in session["waiting"]] == ["write", "write"]
    for call in session["waiting"]:
        decision = {"call": call["call"], "digest": call["digest"], "verdict": "approve"}
        events = client.events(client.post("/agentkit/sessions/s/decisions", json=decision).json()["run"])
    assert events[-1]["status"] == "done"
    calls = client.get("/agentkit/sessions/s").json()["items"][1]["calls"]
    assert [call["result"] for call in calls] == ["refunded order 7", "inner done"]


def test_a_session_that_cannot_be_read_hides_no_other(served: Any) -> None:
    store = MemoryStore()
    client = served(create_app(desk("hi"), store=store))
    client.run(session="whole")
    anyio.run(store.append, "anyone/sessions/damaged", 0, [b"no entry"])
    assert [row["session"] for row in client.get("/agentkit/sessions").json()["sessions"]] == ["whole"]
    assert client.get("/agentkit/sessions/damaged").status_code == 500


@pytest.mark.anyio
async def test_a_call_of_unknown_outcome_can_be_answered(served: Any) -> None:
    store, whole = MemoryStore(), MemoryStore()
    agent = desk([("hold", {"order": 1})], "Done.")
    GO.set()
    await agent.run("go", session=whole.session("a"))
    rows = await whole.load("a")
    crashed = next(n for n, row in enumerate(rows) if b'"started"' in row)
    await store.append("anyone/sessions/a", 0, rows[: crashed + 1])  # as a killed server leaves it
    client = await anyio.to_thread.run_sync(served, create_app(agent, store=store))
    await anyio.to_thread.run_sync(_answered, client)


def _answered(client: Client) -> None:
    _, session = client.run(None, session="a")
    (call,) = session["waiting"]
    assert call["why"] == "unknown"
    answer = {"call": call["call"], "digest": call["digest"], "verdict": "answer", "result": "held, I looked"}
    client.events(client.post("/agentkit/sessions/a/decisions", json=answer).json()["run"])
    session = client.get("/agentkit/sessions/a").json()
    assert (session["status"], session["items"][1]["calls"][0]["result"]) == ("done", "held, I looked")


@pytest.mark.anyio
async def test_a_rewound_session_is_shown_as_it_stands() -> None:
    from agentkit.serve.transcript import Transcript

    session = MemoryStore().session("s")
    agent = Agent(FunctionModel(echo), limits=Limits(turns=3))
    await agent.run("one", session=session)
    position = len(await session.entries())
    await agent.run("two", session=session)
    await session.rewind(position)
    await agent.run("three", session=session)
    shown = Transcript(session.id, await session.entries()).told()
    assert [item["text"] for item in shown] == ["one", "you said one", "three", "you said three"]


@pytest.mark.anyio
async def test_a_log_keeps_the_newest_events_and_says_when_older_ones_are_gone() -> None:
    log = RunLog(longest=2000)
    for number in range(1, 201):
        log.add(f'{{"event":"TextDelta","text":"{number}"}}')
    log.close()
    assert log.size <= 2000
    text = b"".join([piece async for piece in log.follow(0)]).decode()
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    first, *kept = events
    assert first == {"n": kept[0]["n"] - 1, "event": "EventsDropped", "first": kept[0]["n"]}
    assert [event["n"] for event in kept] == list(range(kept[0]["n"], 201))


@pytest.mark.anyio
async def test_a_reader_of_a_silent_run_hears_that_the_server_lives() -> None:
    log = RunLog()
    pieces: list[bytes] = []
    async for piece in log.follow(0, heartbeat=0.01):
        pieces.append(piece)
        if len(pieces) == 4:
            log.close()
    assert pieces == [b": events of a run\n\n", b":\n\n", b":\n\n", b":\n\n"]
