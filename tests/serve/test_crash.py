"""kill -9 and restart: what was stored is there, what waited goes on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import httpx

from .asking import Asking
from .worker import worker


def test_kill_and_restart_lose_no_stored_run(tmp_path: Path) -> None:
    store = tmp_path / "served.db"
    kept: list[str] = []
    with worker(store) as (process, port), Asking(f"http://127.0.0.1:{port}") as client:
        run_id = client.ask("clerk")["agentkit"]["run_id"]
        for turn in range(3):
            answer = client.ask("memory", headers={"x_session_id": "s"}, store=True)
            assert answer["choices"][0]["message"]["content"] == str(turn + 1)
            kept.append(answer["id"])
        client.ask("clerk", headers={"x_session_id": "t"})
        process.kill()
        process.wait()
    with worker(store) as (_, port), Asking(f"http://127.0.0.1:{port}") as client:
        listed = client.http.get(client.path).json()["data"]
        assert {row["id"] for row in listed} == set(kept)
        again = client.ask("memory", headers={"x_session_id": "s"})
        assert again["choices"][0]["message"]["content"] == "4"
        body = {"decisions": [{"call": "0.0", "verdict": "approve"}]}
        answer = client.post(body, f"/v1/runs/{run_id}/decisions")
        assert answer.json()["choices"][0]["message"]["content"] == "done"


def test_a_server_that_is_killed_while_it_streams_keeps_the_session_usable(tmp_path: Path) -> None:
    store = tmp_path / "served.db"
    with worker(store) as (process, port), Asking(f"http://127.0.0.1:{port}") as client:
        body = {"model": "memory", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with client.http.stream("POST", client.path, json=body, headers={"x-session-id": "s"}) as answer:
            next(answer.iter_raw())
            process.kill()
            process.wait()
            with suppress(httpx.RemoteProtocolError, httpx.ReadError, httpx.StreamConsumed):
                answer.read()
    with worker(store) as (_, port), Asking(f"http://127.0.0.1:{port}") as client:
        answer = client.ask("memory", headers={"x_session_id": "s"})
        assert answer["choices"][0]["message"]["content"] == "2"
