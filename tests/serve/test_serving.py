"""`serve` itself: a server of its own process, until it is interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .asking import Asking

PROGRAM = "from agentkit import Agent; from agentkit.serve import serve; serve(Agent('offline', name='a'), {})"


@contextmanager
def server(arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The process, its port, and what it said until it ran."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM.format(arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    said = ""
    try:
        assert process.stderr is not None
        while (match := re.search(r"running on http://\S+:(\d+)", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, int(match[1]), said
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def test_the_keys_are_those_of_the_environment_and_an_interrupt_ends_it() -> None:
    with server("port=0", AGENTKIT_SERVE_KEYS="one, two") as (process, port, said):
        with Asking(f"http://127.0.0.1:{port}", "two") as client, Asking(f"http://127.0.0.1:{port}") as nobody:
            assert client.ask("a")["model"] == "a"
            assert nobody.fails("a")[0] == 401
        assert "WARNING" not in said
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_serving_everybody_beyond_this_machine_is_warned_of() -> None:
    with server("'0.0.0.0', port=0, insecure=True") as (_, port, said):
        assert "WARNING: anyone who reaches 0.0.0.0 can use these agents" in said
        with Asking(f"http://127.0.0.1:{port}") as client:
            assert client.ask("a")["model"] == "a"


def test_without_keys_the_page_is_told_with_its_token() -> None:
    with server("port=0") as (process, port, _):
        assert process.stderr is not None
        told = next(line for line in process.stderr if "the page is" in line)
        address, _, token = told.split()[-1].partition("/#token=")
        assert address == f"http://127.0.0.1:{port}"
        with Asking(address, token) as page, Asking(address) as anybody:
            assert page.http.get("/agentkit/sessions").json() == {"sessions": []}
            assert anybody.http.get("/agentkit/sessions").status_code == 401
            assert anybody.ask("a")["model"] == "a"


def test_a_port_that_is_taken_is_told_and_the_program_fails() -> None:
    with server("port=0") as (_, port, _said):
        command = [sys.executable, "-c", PROGRAM.format(f"port={port}")]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert "address already in use" in second.stderr
    assert "#token=" not in second.stderr
