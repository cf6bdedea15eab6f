"""`agentkit serve`: the program listens, answers, and ends when it is interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.cli.programs import PROGRAM, called, environment


def asked(address: str, model: str, text: str) -> str:
    """What a served model answers, asked without any client of ours."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(f"{address}/v1/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        completion: dict[str, Any] = json.load(answer)
    return str(completion["choices"][0]["message"]["content"])


def test_agents_and_a_model_are_served_until_the_program_is_interrupted(folder: Path) -> None:
    command = [
        *PROGRAM,
        "serve",
        "desk.py",
        "--model",
        "offline",
        "--port",
        "0",
        "--store",
        "s.db",
        "--trace",
        "t.jsonl",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment()) as server:
        assert server.stderr is not None
        found = (re.search(r"running on (http://127\.0\.0\.1:\d+)", line) for line in server.stderr)
        address = next(match[1] for match in found if match)
        try:
            assert "order 7: a lamp" in asked(address, "desk", "Look up order 7.")
            assert asked(address, "offline", "hello")
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    assert server.returncode == 0
    assert (
        "invoke_agent desk" in called("trace", "t.jsonl", "--html", "p.html").output + (folder / "p.html").read_text()
    )


def test_what_must_not_be_served_is_told(folder: Path) -> None:
    (folder / "twin.py").write_text((folder / "desk.py").read_text())
    for arguments, words in (
        (["serve", "desk.py", "--host", "0.0.0.0"], "can be reached from other machines, and no keys are set"),
        (["serve", "desk.py", "twin.py"], "two agents are named 'desk', the second is twin.py"),
        (["serve", "desk.py", "--port", "70000"], "70000 is not in the range"),
    ):
        done = called(*arguments)
        assert done.exit_code == 2
        assert words in " ".join(done.stderr.split())
