"""Runs clients in processes of their own, interleaved and shuffled, and keeps one row for each process."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .environments import NotInstalled, python_of
from .places import CLIENTS
from .plan import IMPORTS, OURS, SCHEMAS, Client, Task

Row = dict[str, Any]
LONGEST = 300  # seconds of one process; a client that takes longer is reported so
_CLEAN = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("AGENTKIT_", "OPENAI_"))},
    "NO_PROXY": "127.0.0.1",
    "PYTHONDONTWRITEBYTECODE": "",  # an installed package is compiled once
    "DO_NOT_TRACK": "1",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LANGSMITH_TRACING": "false",
    "AGNO_TELEMETRY": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
}
_IMPORT = """import time
begin = time.process_time()
{code}
print('{{"import_ms": %f}}' % ((time.process_time() - begin) * 1e3))"""


def said(command: list[str | Path]) -> Row:
    """The last line of JSON that a process prints; `error` instead when there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, env=_CLEAN, cwd=CLIENTS)
    except subprocess.TimeoutExpired:
        return {"error": f"took longer than {LONGEST} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return {"error": (done.stderr.strip() or f"ended with {done.returncode}").splitlines()[-1][:200]}
    row: Row = json.loads(lines[-1])
    return row


def installed(clients: Iterable[Client]) -> tuple[list[Client], list[Row]]:
    """The clients whose environments could be made, and a row with the reason for each other."""
    there: list[Client] = []
    missing: list[Row] = []
    for client in clients:
        try:
            python_of(client.environment)
            there.append(client)
        except NotInstalled as error:
            missing.append({"client": client.name, "task": "install", "error": str(error)})
    return there, missing


def rows(server: str, clients: list[Client], tasks: Iterable[Task], repeats: int) -> Iterator[Row]:
    """One row for each process: every task's clients follow each other closely, in another order each time."""
    for repeat in range(repeats):
        for task in tasks:
            order = list(clients)
            random.Random(f"{repeat} {task.key}").shuffle(order)
            for client in order:
                if not client.quick and repeat >= task.peer_repeats:
                    continue
                row = said(_command(server, client, task))
                yield {"client": client.name, "task": task.key, "repeat": repeat, **row}


def _command(server: str, client: Client, task: Task) -> list[str | Path]:
    runs = task.runs if client.quick else task.peer_runs
    options = {
        "--scenario": task.scenario,
        "--runs": runs,
        "--concurrency": task.concurrency,
        "--warm": task.warm,
        "--server": server,
        "--variant": client.variant,
    }
    flags = [str(word) for option in options.items() for word in option]
    return [python_of(client.environment), CLIENTS / client.script, *flags]


def duels(server: str, tasks: Iterable[Task], repeats: int) -> Iterator[Row]:
    """agentkit and the bare loop in one process, run by run in turns: ratios that a busy machine hardly moves."""
    tasks = list(tasks)
    for repeat in range(repeats):
        for task in tasks:
            for client in OURS:
                duel = replace(client, script="duel.py")
                row = said(_command(server, duel, task))
                yield {"client": client.name, "task": f"duel {task.key}", "repeat": repeat, **row}


def start_rows(names: Iterable[str], repeats: int) -> Iterator[Row]:
    """Rows of what happens before the first request: importing, and making 100 tool schemas."""
    names = list(names)
    for repeat in range(repeats):
        for name in names:
            if name in IMPORTS:
                environment, code = IMPORTS[name]
                command: list[str | Path] = [python_of(environment), "-c", _IMPORT.format(code=code)]
                yield {"client": name, "task": "import", "repeat": repeat, **said(command)}
            if name in SCHEMAS:
                command = [python_of(SCHEMAS[name]), CLIENTS / "schemas.py", SCHEMAS[name]]
                yield {"client": name, "task": "schemas", "repeat": repeat, **said(command)}
