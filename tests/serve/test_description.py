"""The server's own OpenAPI document: true, and kept to by every answer to whatever is sent."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agentkit import Agent, FunctionModel, tool
from agentkit.serve import create_app, pass_through

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
    with running(create_app(agents, keys=[KEY])) as served:
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
    }
    assert document["components"]["schemas"]["ChatRequest"]["properties"]["model"]["enum"] == ["offline", "desk"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_whatever_is_sent_the_answer_keeps_to_the_document(url: str, tmp_path: Path) -> None:
    """No 5xx, no status, content type or body that the document does not have; fuzzed from both sides of the schema."""
    program = Path(sys.executable).parent / "schemathesis"
    if not program.exists():
        pytest.skip(f"{program} is not installed; it comes with the extra dev")
    command = [str(program), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {KEY}", "--no-color"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", "20", "--mode", "all"]
    command += ["--phases", "examples,fuzzing", "--seed", "7", "--suppress-health-check", "all"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=500)
    assert done.returncode == 0, done.stdout[-5000:]
