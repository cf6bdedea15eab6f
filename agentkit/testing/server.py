"""A Chat Completions server on loopback for tests: it answers by a script, and refuses what strict servers refuse."""

from __future__ import annotations

import json
import select
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal

from agentkit.chat import ChatRequest, Json, Usage
from agentkit.errors import AgentKitError, ConfigurationError
from agentkit.models.scripted import Answer, chunks_of, completion_of

from .strict import strict_problem

Fault = int | Literal["reset", "cut", "stall", "garbage"]
"""An error status; the connection ends before the answer, or in its middle; nothing more comes; bytes that are none."""


class FakeServer:
    """`with FakeServer(["hello"]) as server: RemoteModel("m", base_url=server.base_url)`.

    script: answers by position in the conversation, as ScriptedModel takes them, or a function of the request; an int
    is an HTTP error status. It streams when asked to. faults: what happens to the n-th request (from 0) instead. What
    a strict server refuses is answered with a 400 that says why. `requests` holds the bodies that came, `problems`
    what was wrong with them, `billed` the tokens of all whole answers.
    """

    def __init__(
        self,
        script: Sequence[Answer | int] | Callable[[Json], Answer | int],
        *,
        faults: Mapping[int, Fault] | None = None,
    ) -> None:
        self.requests: list[Json] = []
        self.problems: list[str] = []
        self.billed = Usage()
        self._faults: Mapping[int, Fault] = faults if faults is not None else {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        function: Callable[[Json], Answer | int] | None = script if callable(script) else None
        answers: list[Answer | int] = [] if callable(script) else list(script)
        self._function, self._answers = function, answers
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.base_url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                status, kind, answer, fault = fake._answer(self.path, body)
                self.close_connection = fault is not None
                if fault == "reset":
                    return
                if fault == "garbage":
                    answer = answer[: len(answer) // 2] + b"\x00garbage\n\n"
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer[: len(answer) // 2] if fault in ("cut", "stall") else answer)
                while fault == "stall" and not fake._closing.wait(0.01):
                    if select.select([self.connection], [], [], 0)[0]:  # the client went away
                        return

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read `requests`, not the terminal."""

        return Handler

    def _answer(self, path: str, body: bytes) -> tuple[int, str, bytes, Fault | None]:
        """Status, content type, body, and what happens to it on its way."""
        try:
            request: Json = json.loads(body)
        except ValueError as error:
            return self._refused(400, f"the body is not JSON: {error}")
        with self._lock:
            fault = self._faults.get(len(self.requests))
            self.requests.append(request)
        problem = None if path.endswith("/chat/completions") else f"nothing is served at {path}"
        problem = problem or strict_problem(request)
        if problem is not None:
            self.problems.append(problem)
            return self._refused(400, problem)
        if isinstance(fault, int):
            return self._refused(fault, "as the test asks")
        try:
            answer = self._next(request)
            if isinstance(answer, int):
                return self._refused(answer, "as the script says")
            completion = completion_of(answer, ChatRequest(**request))
        except AgentKitError as error:
            return self._refused(500, str(error))
        if fault is None:
            with self._lock:
                self.billed = self.billed.plus(completion.usage)
        if not request.get("stream"):
            return 200, "application/json", completion.json_bytes(), fault
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks_of(completion))
        return 200, "text/event-stream", f"{events}data: [DONE]\n\n".encode(), fault

    def _next(self, request: Json) -> Answer | int:
        if self._function is not None:
            return self._function(request)
        answers, said = self._answers, [message["role"] for message in request["messages"]].count("assistant")
        if said >= len(answers):
            raise ConfigurationError(f"FakeServer has {len(answers)} answers, and was asked for answer {said + 1}")
        return answers[said]

    def _refused(self, status: int, message: str) -> tuple[int, str, bytes, None]:
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
        return status, "application/json", json.dumps(body).encode(), None

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
