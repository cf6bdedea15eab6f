"""Runs that wait for somebody: what the client is told, and how they go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit import Agent, ChatRequest, FunctionModel, RateLimited, ScriptedModel, SQLiteStore, Tool, tool
from agentkit.serve import create_app

from .asking import HELLO, Asking, function, reason_of, text_of, with_results
from .running import running


def refunds(*answers: Any, **options: Any) -> tuple[Agent[Any, Any], list[int]]:
    done: list[int] = []

    @tool(approval=True)
    def refund(order: int) -> str:
        """Refund an order."""
        done.append(order)
        return f"refunded {order}"

    answers = answers or ([("refund", {"order": 7})], "Order 7 is refunded.")
    return Agent(ScriptedModel(list(answers)), name="a", tools=[refund], **options), done


def decide(client: Asking, run_id: str, **decision: Any) -> Any:
    return client.post({"decisions": [decision]}, f"/v1/runs/{run_id}/decisions")


def test_a_run_that_waits_says_so_in_words_and_in_data() -> None:
    agent, done = refunds()
    with running(create_app(agent)) as url, Asking(url) as client:
        answer = client.ask("a")
        choice, told = answer["choices"][0], answer["agentkit"]
        assert choice["finish_reason"] == "stop"
        assert choice["message"]["content"] == 'refund({"order":7}) waits for an approval.'
        waiting = {"call": "0.0", "tool": "refund", "arguments": '{"order":7}', "why": "approval", "expires": None}
        assert told == {"status": "waiting", "run_id": told["run_id"], "waiting": [waiting]}
        chunks = client.chunks("a")
        assert (text_of(chunks), reason_of(chunks)) == (choice["message"]["content"], "stop")
        assert chunks[-1]["agentkit"]["waiting"] == [waiting]
        assert done == []


@pytest.mark.parametrize("session", [False, True])
def test_an_approved_call_runs_and_the_answer_comes_on_the_route_of_decisions(session: bool) -> None:
    agent, done = refunds()
    with running(create_app(agent)) as url, Asking(url) as client:
        waiting = client.ask("a", headers={"x_session_id": "s"} if session else None)
        answer = decide(client, waiting["agentkit"]["run_id"], call="0.0", verdict="approve")
        assert answer.json()["choices"][0]["message"]["content"] == "Order 7 is refunded."
        assert done == [7]
        again = decide(client, waiting["agentkit"]["run_id"], call="0.0", verdict="approve")
        assert (again.status_code, client.refused(again)["code"]) == (404, "not_found")
        assert done == [7]


def test_a_denied_call_does_not_run_and_an_edited_one_is_another_call_that_waits() -> None:
    agent, done = refunds([("refund", {"order": 7})], "As you wish.")
    with running(create_app(agent)) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
        answer = decide(client, run_id, call="0.0", verdict="deny", reason="too late").json()
        assert answer["choices"][0]["message"]["content"] == "As you wish."
        run_id = client.ask("a")["agentkit"]["run_id"]
        edited = decide(client, run_id, call="0.0", verdict="approve", arguments={"order": 8}).json()
        assert [waiting["arguments"] for waiting in edited["agentkit"]["waiting"]] == ['{"order":8}']
        assert done == []
        decide(client, run_id, call="0.0", verdict="approve")
        assert done == [8]


def test_an_approval_may_hold_for_the_rest_of_the_run() -> None:
    agent, done = refunds([("refund", {"order": 7})], [("refund", {"order": 8})], "All.")
    with running(create_app(agent)) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
        answer = decide(client, run_id, call="0.0", verdict="approve", always=True).json()
        assert answer["choices"][0]["message"]["content"] == "All."
    assert done == [7, 8]


def test_decisions_can_be_streamed_and_made_one_after_the_other() -> None:
    agent, done = refunds([("refund", {"order": 7}), ("refund", {"order": 8})], "Both.")
    with running(create_app(agent)) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
        first = decide(client, run_id, call="0.0", verdict="approve").json()
        assert [waiting["call"] for waiting in first["agentkit"]["waiting"]] == ["0.1"]
        body = {"decisions": [{"call": "0.1", "verdict": "approve"}], "stream": True}
        streamed = client.post(body, f"/v1/runs/{run_id}/decisions")
        assert streamed.text.endswith("data: [DONE]\n\n")
        assert done == [7, 8]


def test_a_decision_whose_run_failed_may_be_sent_again() -> None:
    done: list[int] = []
    failures: list[Any] = [RateLimited("busy", status=429)]

    @tool(approval=True)
    def refund(order: int) -> str:
        """Refund an order."""
        done.append(order)
        return f"refunded {order}"

    def answer(request: ChatRequest) -> Any:
        if request.messages[-1].role == "user":
            return [("refund", {"order": 7})]
        return failures.pop() if failures else "Done."

    with running(create_app(Agent(FunctionModel(answer), name="a", tools=[refund]))) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
        assert decide(client, run_id, call="0.0", verdict="approve").status_code == 429
        final = decide(client, run_id, call="0.0", verdict="approve")
        assert final.json()["choices"][0]["message"]["content"] == "Done."
    assert done == [7]


def test_decisions_belong_to_the_key_that_began_the_run() -> None:
    agent, done = refunds()
    with running(create_app(agent, keys=["one", "two"])) as url, Asking(url, "one") as one, Asking(url, "two") as two:
        run_id = one.ask("a")["agentkit"]["run_id"]
        assert decide(two, run_id, call="0.0", verdict="approve").status_code == 404
        assert done == []
        assert decide(one, run_id, call="0.0", verdict="approve").status_code == 200


@pytest.mark.parametrize(
    "decision",
    [
        {"call": "9.9", "verdict": "approve"},
        {"call": "0.0", "verdict": "perhaps"},
        {"call": "0.0", "verdict": "retry"},
        {"call": "0.0", "verdict": "approve", "else": 1},
    ],
)
def test_decisions_that_cannot_be_are_refused_and_the_run_goes_on_waiting(decision: Any) -> None:
    agent, done = refunds()
    with running(create_app(agent)) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
        answer = decide(client, run_id, **decision)
        assert (answer.status_code, client.refused(answer)["param"]) == (400, "decisions")
        assert client.post({}, f"/v1/runs/{run_id}/decisions").status_code == 400
        assert done == []
        assert decide(client, run_id, call="0.0", verdict="approve").status_code == 200


def test_a_run_that_waits_survives_its_server(tmp_path: Path) -> None:
    store = tmp_path / "runs.db"
    agent, done = refunds()
    with running(create_app(agent, store=SQLiteStore(store))) as url, Asking(url) as client:
        run_id = client.ask("a")["agentkit"]["run_id"]
    with running(create_app(agent, store=SQLiteStore(store))) as url, Asking(url) as client:
        assert decide(client, run_id, call="0.0", verdict="approve").status_code == 200
    assert done == [7]


def test_a_tool_that_runs_elsewhere_is_answered_by_a_decision() -> None:
    lab = Tool.external("lab", "Ask the laboratory.", {"type": "object", "properties": {}})
    agent = Agent(ScriptedModel([[("lab", {})], "The lab says 5."]), name="a", tools=[lab])
    with running(create_app(agent)) as url, Asking(url) as client:
        told = client.ask("a")["agentkit"]
        assert told["waiting"][0]["why"] == "external"
        answer = decide(client, told["run_id"], call="0.0", verdict="answer", result={"value": 5})
        assert answer.json()["choices"][0]["message"]["content"] == "The lab says 5."


def test_a_run_may_wait_for_the_client_and_for_a_person() -> None:
    weather = function("weather", city={"type": "string"})
    calls = [("refund", {"order": 7}), ("weather", {"city": "Oslo"})]
    agent, done = refunds(calls, "All done.")
    with running(create_app(agent)) as url, Asking(url) as client:
        answer = client.ask("a", tools=[weather])
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
        assert [w["tool"] for w in answer["agentkit"]["waiting"]] == ["refund"]
        then = client.ask("a", with_results(HELLO, answer["choices"][0]["message"], weather="snow"), tools=[weather])
        assert then["choices"][0]["message"]["content"] == 'refund({"order":7}) waits for an approval.'
        final = decide(client, answer["agentkit"]["run_id"], call="0.0", verdict="approve").json()
        assert final["choices"][0]["message"]["content"] == "All done."
    assert done == [7]


class Refunded(BaseModel):
    order: int


def test_an_answer_that_is_read_as_json_waits_in_its_refusal() -> None:
    agent, _ = refunds([("refund", {"order": 7})], '{"order": 7}', output=Refunded)
    with running(create_app(agent)) as url, Asking(url) as client:
        message = client.ask("a")["choices"][0]["message"]
        assert message["content"] is None
        assert "waits for an approval" in message["refusal"]
