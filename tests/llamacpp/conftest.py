"""A real llama.cpp server with a toy model, started once for all tests that want it."""

import importlib.util
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from urllib.error import URLError

import pytest

TOYMODEL = Path(__file__).parent.parent / "toymodel"
SECONDS_TO_START = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until_healthy(port: int, server: subprocess.Popen[str], log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = monotonic() + SECONDS_TO_START
    while monotonic() < end:
        try:
            with direct.open(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            pass
        try:
            server.wait(0.05)  # also the pause between two questions
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the llama.cpp server ended with {server.returncode}:\n{log.read_text()}")
    raise RuntimeError(f"the llama.cpp server did not start within {SECONDS_TO_START} s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def llamacpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base_url of llama.cpp's own server; its model is named `tiny`."""
    for package in ("xllamacpp", "gguf", "numpy"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; it comes with the extra dev")
    folder = tmp_path_factory.mktemp("toymodel")
    model, log = folder / "toy.gguf", folder / "server.log"
    subprocess.run([sys.executable, str(TOYMODEL / "make_model.py"), str(model)], check=True, capture_output=True)
    port = free_port()
    command = [sys.executable, str(TOYMODEL / "serve.py"), str(model), str(port)]
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until_healthy(port, server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
