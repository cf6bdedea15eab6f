"""The support desk as an endpoint: served with a key, called by the official `openai` client.

pip install -e ".[serve]" openai && python examples/support_desk/served.py
"""

import socket
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import uvicorn
from desk import create_orders, desk_agent
from starlette.applications import Starlette

from agentkit.serve import create_app

KEY = "sk-of-the-shop"


@contextmanager
def running(app: Starlette) -> Generator[str]:
    """The application at a free port of this machine; `agentkit.serve.serve(app)` is the same until Ctrl-C."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def converse(url: str, lines: list[str]) -> None:
    """A client that knows nothing of agents: it has an address, a key and a name of a model."""
    headers = {"X-Session-Id": "customer-42"}
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, default_headers=headers) as client:
        for line in lines:
            print(f"> {line}")
            stream = client.chat.completions.create(
                model="desk", messages=[{"role": "user", "content": line}], stream=True
            )
            for chunk in stream:
                print(chunk.choices[0].delta.content or "", end="")
                extension: dict[str, Any] = (chunk.model_extra or {}).get("agentkit", {})
                for call in extension.get("waiting", ()):
                    print(f"\n  [approved: {call['tool']} {call['arguments']}]")
                    print(approve(url, extension["run_id"], call["call"]), end="")
            print()


def approve(url: str, run_id: str, call: str) -> str:
    """The person at the desk, in another program."""
    body = {"decisions": [{"call": call, "verdict": "approve"}]}
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{url}/v1/runs/{run_id}/decisions", json=body, headers=headers, trust_env=False)
    return str(answer.json()["choices"][0]["message"]["content"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        desk = create_orders(Path(folder) / "orders.db")
        with running(create_app(desk_agent, keys=[KEY], deps=desk)) as url:
            converse(url, ["Look up 8.", "Refund amount 49, number 7."])
        print(f"refunded: {desk.order(7)['refunded']} for order 7")
