"""The API page's own snippets against a served agent, with only the address and the key changed."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from agentkit import Agent
from agentkit.serve import create_app
from tests.chat.page import PAGE

from .asking import CHUNK, COMPLETION, Asking, problems
from .clients import run, run_node
from .running import running

KEY = "YOUR-OWN-KEY"
EXAMPLES = ["Default", "Streaming", "Functions", "Logprobs"]
LANGUAGES = {"curl": "curl请求", "python": "python请求", "node": "node js请求", "csharp": "csharp请求"}


def snippet(example: str, language: str) -> str:
    """The text of a snippet, as it is printed on the page; Logprobs has none in C# that differs."""
    section = PAGE[PAGE.index(f"{example}请求\n") : PAGE.index(f"{example}响应结果")]
    after = section[section.index(LANGUAGES[language]) + len(LANGUAGES[language]) :]
    others = [after.index(title) for title in LANGUAGES.values() if title in after]
    return after[: min(others, default=len(after))].strip()


@pytest.fixture(scope="module")
def url() -> Any:
    with running(create_app(Agent("offline", name="desk"), keys=[KEY])) as served:
        yield served


@pytest.mark.parametrize("example", EXAMPLES)
def test_curl(url: str, example: str) -> None:
    command = snippet(example, "curl").replace("https://genaiapi.cloudsway.net", url)
    command = command.replace("{ENDPOINT_PATH}", "desk").replace("{YOUR_ACCESS_KEY}", KEY)
    answer = run(["bash", "-c", command.replace("curl ", "curl -sS --fail-with-body ", 1)])
    if example == "Streaming":
        *events, done = [line.removeprefix("data: ") for line in answer.splitlines() if line]
        assert done == "[DONE]"
        assert [problem for event in events for problem in problems(CHUNK, json.loads(event))] == []
    else:
        assert problems(COMPLETION, json.loads(answer)) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_python(url: str, example: str, tmp_path: Path) -> None:
    program = snippet(example, "python")
    if example == "Streaming":  # its last line reads a field that no stream of any client has
        program = program.replace("\nprint(completion.choices[0].message)", "")
    script = tmp_path / "snippet.py"
    script.write_text(program)
    printed = run([sys.executable, str(script)], OPENAI_BASE_URL=f"{url}/v1/ai/desk", OPENAI_API_KEY=KEY)
    assert re.search("ChatCompletion|ChoiceDelta", printed)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_node(url: str, example: str, tmp_path: Path) -> None:
    script = tmp_path / "snippet.mjs"
    program = snippet(example, "node")
    script.write_text(
        program.replace("new OpenAI()", f"new OpenAI({json.dumps({'baseURL': f'{url}/v1/ai/desk', 'apiKey': KEY})})")
    )
    folder = tmp_path / "run"
    folder.mkdir()
    assert run_node(script, folder).strip()


@pytest.mark.parametrize("example", EXAMPLES)
def test_csharp_by_wire(url: str, example: str) -> None:
    """What its client sends for the snippet: the official one is not on the machines that run this."""
    body = json.loads(
        (Path(__file__).parents[1] / "data" / "seed" / f"{example.lower()}.request.csharp.json").read_text()
    )
    with Asking(url, KEY, "/v1/ai/desk/chat/completions") as client:
        model, messages = body.pop("model"), body.pop("messages")
        if body.pop("stream", False):
            assert client.chunks(model, messages, **body)
        else:
            client.ask(model, messages, **body)
