"""The server's own OpenAPI document: true, and kept to by every answer to whatever is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from agentkit import Agent, FunctionModel, RateLimited, ScriptedModel, tool
from agentkit.serve import Reach, create_app, pass_through

from .asking import Asking
from .running import running

KEY = "sk-description"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]


@tool(approval=True)
def pay(amount: int) -> str:
    """Pay an amount."""
    return "paid"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    agents = [pass_through("offline"), Agent(FunctionModel(lambda request: "ok"), name="desk", tools=[pay])]
    with running(create_app(agents, keys=[KEY], reach=Reach(body_seconds=1))) as served:
        yield served


def test_the_document_names_every_route(url: str) -> None:
    document = httpx.get(f"{url}/openapi.json", trust_env=False).json()
    operations = {
        f"{method} {path}" for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert operations >= {
        "post /v1/chat/completions",
        "get /v1/chat/completions",
        "post /v1/ai/{model}/chat/completions",
        "get /v1/chat/completions/{id}",
        "post /v1/chat/completions/{id}",
        "delete /v1/chat/completions/{id}",
        "get /v1/chat/completions/{id}/messages",
        "post /v1/runs/{id}/decisions",
        "get /v1/models",
        "get /agentkit/agents",
        "post /agentkit/runs",
        "get /agentkit/runs/{run}/events",
        "post /agentkit/runs/{run}/cancel",
        "get /agentkit/sessions",
        "get /agentkit/sessions/{session}",
        "delete /agentkit/sessions/{session}",
        "get /agentkit/sessions/{session}/export",
        "post /agentkit/sessions/{session}/decisions",
    }
    assert document["components"]["schemas"]["ChatRequest"]["properties"]["model"]["enum"] == ["offline", "desk"]


def test_every_answer_and_event_of_a_conversation_is_as_described() -> None:
    cashier = Agent(ScriptedModel([[("pay", {"amount": 7})], "paid"]), name="cashier", tools=[pay])
    script = ScriptedModel([[("cashier", {"input": "pay 7"})], "It is paid.", RateLimited("busy", status=429)])
    with running(create_app(Agent(script, name="desk", tools=[cashier.as_tool()]))) as url, Asking(url) as client:
        document = client.http.get("/openapi.json").json()

        def told(method: str, path: str, name: str, **sent: object) -> Any:
            answer = client.http.request(method, f"/agentkit{path}", **sent)  # type: ignore[arg-type]
            assert answer.status_code in (200, 201, 202), answer.text
            check(name, answer.json())
            return answer.json()

        def check(name: str, value: object) -> None:
            schema = {**document["components"]["schemas"][name], "components": document["components"]}
            assert [problem.message for problem in Draft202012Validator(schema).iter_errors(value)] == []

        def events(run: str) -> list[str]:
            lines = client.http.get(f"/agentkit/runs/{run}/events").text.splitlines()
            found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
            for event in found:
                check("RunEvent", event)
            return [event["event"] for event in found]

        told("GET", "/agents", "ServedAgents")
        begun = told("POST", "/runs", "Begun", json={"agent": "desk", "input": "pay 7", "session": "s"})
        assert {"ToolStarted", "AgentEvent", "Waiting", "RunFinished"} <= set(events(begun["run"]))
        (call,) = told("GET", "/sessions/s", "SessionAsKept")["waiting"]
        decision = {"call": call["call"], "digest": call["digest"], "verdict": "approve"}
        begun = told("POST", "/sessions/s/decisions", "Begun", json=decision)
        assert events(begun["run"])[-1] == "RunFinished"
        begun = told("POST", "/runs", "Begun", json={"agent": "desk", "input": "again", "session": "s"})
        assert events(begun["run"])[-1] == "RunFailed"
        told("POST", f"/runs/{begun['run']}/cancel", "Cancelling", json={})
        assert [item["kind"] for item in told("GET", "/sessions/s", "SessionAsKept")["items"]][:2] == ["user", "turn"]
        told("GET", "/sessions", "SessionRows")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whatever_is_sent_the_answer_keeps_to_the_document(url: str, tmp_path: Path) -> None:
    """No 5xx, no status, content type or body that the document does not have; fuzzed from both sides of the schema."""
    program = Path(sys.executable).parent / "schemathesis"
    if not program.exists():
        pytest.skip(f"{program} is not installed; it comes with the extra dev")
    command = [str(program), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {KEY}", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", "20", "--mode", "all"]
    command += ["--phases", "examples,coverage,fuzzing", "--seed", "7", "--suppress-health-check", "all"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=580)
    assert done.returncode == 0, done.stdout[-5000:]
