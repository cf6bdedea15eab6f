"""worker.py STORE.db: serves agents in a process of its own, for tests that kill or load it; prints its port.

`/tasks` tells how many tasks its loop has: what a request leaves behind shows there.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from agentkit import Agent, FunctionModel, SQLiteStore, tool
from agentkit.serve import create_app, pass_through


@tool(approval=True)
def refund(order: int) -> str:
    """Refund an order."""
    return f"refunded {order}"


async def tasks(request: Request) -> JSONResponse:
    return JSONResponse(len(asyncio.all_tasks()))


def main(path: str) -> None:
    clerk = FunctionModel(lambda r: "done" if any(m.role == "tool" for m in r.messages) else [("refund", {"order": 7})])
    memory = FunctionModel(lambda r: str(sum(message.role == "user" for message in r.messages)))
    agents = [pass_through("offline"), Agent(clerk, name="clerk", tools=[refund]), Agent(memory, name="memory")]
    app = create_app(agents, store=SQLiteStore(path))
    app.routes.append(Route("/tasks", tasks))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


@contextmanager
def worker(path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port; it is killed when the block ends."""
    command = [sys.executable, "-m", "tests.serve.worker", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    main(sys.argv[1])
