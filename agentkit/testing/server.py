"""A Chat Completions server on loopback for tests: it answers by a script, and refuses what strict servers refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from agentkit.chat import ChatRequest, Json
from agentkit.errors import AgentKitError, ConfigurationError
from agentkit.models.scripted import Answer, chunks_of, completion_of

from .strict import strict_problem


class FakeServer:
    """`with FakeServer(["hello"]) as server: RemoteModel("m", base_url=server.base_url)`.

    script: answers by position in the conversation, as ScriptedModel takes them, or a function of the request; an int
    is an HTTP error status. It streams when asked to. What a strict server refuses is answered with a 400 that says
    why. `requests` holds the bodies that came, `problems` what was wrong with them.
    """

    def __init__(self, script: Sequence[Answer | int] | Callable[[Json], Answer | int]) -> None:
        self.requests: list[Json] = []
        self.problems: list[str] = []
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
                status, kind, answer = fake._answer(self.path, body)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests read `requests`, not the terminal."""

        return Handler

    def _answer(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        try:
            request: Json = json.loads(body)
        except ValueError as error:
            return self._refused(400, f"the body is not JSON: {error}")
        self.requests.append(request)
        problem = None if path.endswith("/chat/completions") else f"nothing is served at {path}"
        problem = problem or strict_problem(request)
        if problem is not None:
            self.problems.append(problem)
            return self._refused(400, problem)
        try:
            answer = self._next(request)
            if isinstance(answer, int):
                return self._refused(answer, "as the script says")
            completion = completion_of(answer, ChatRequest(**request))
        except AgentKitError as error:
            return self._refused(500, str(error))
        if not request.get("stream"):
            return 200, "application/json", completion.json_bytes()
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks_of(completion))
        return 200, "text/event-stream", f"{events}data: [DONE]\n\n".encode()

    def _next(self, request: Json) -> Answer | int:
        if self._function is not None:
            return self._function(request)
        answers, said = self._answers, [message["role"] for message in request["messages"]].count("assistant")
        if said >= len(answers):
            raise ConfigurationError(f"FakeServer has {len(answers)} answers, and was asked for answer {said + 1}")
        return answers[said]

    def _refused(self, status: int, message: str) -> tuple[int, str, bytes]:
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
        return status, "application/json", json.dumps(body).encode()

    def __enter__(self) -> FakeServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
