"""The tutorial, followed: its files are written as printed, its commands run in order, and print what the page shows."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.programs import environment
from tests.cli.test_page import alike as stable

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
STEP = re.compile(r'^```(?:python title="(?P<file>[\w.]+)"|(?P<console>console))\n(?P<text>.*?)^```$', re.M | re.S)


def steps() -> Iterator[tuple[str, str]]:
    """("library.py", its text) for a file, ("$ command", what it prints) for a command."""
    for step in STEP.finditer(PAGE):
        if step["file"]:
            yield step["file"], step["text"]
        else:
            for part in re.split(r"^\$ ", step["text"], flags=re.M)[1:]:
                command, _, output = part.partition("\n")
                yield f"$ {command}", output


def alike(output: str) -> str:
    """As in the test of the command line's page, and without empty lines and pytest's time."""
    return stable(re.sub(r"(?<=\d)s$", " s", re.sub(r"\n{2,}", "\n", output)))


class Newcomer:
    """Someone who copies files and commands into a folder, with `agentkit` and `python` of this environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = str(_free_port())
        self.servers: list[subprocess.Popen[str]] = []
        programs = folder / "bin"
        programs.mkdir()
        agentkit = "from agentkit.cli import main\nmain()\n"
        for name, text in {"agentkit": agentkit, "pytest": "import pytest\nraise SystemExit(pytest.main())\n"}.items():
            (programs / name).write_text(f"#!{sys.executable}\n{text}")
            (programs / name).chmod(0o755)
        (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (programs / "python").chmod(0o755)
        self.environment = environment(PATH=os.pathsep.join([str(programs), os.environ["PATH"]]), LC_ALL="C.UTF-8")

    def follow(self, what: str, text: str) -> None:
        text = text.replace(":8000", f":{self.port}")
        if not what.startswith("$ "):
            (self.folder / what).write_text(text, encoding="utf-8")
            return
        command = what.removeprefix("$ ").replace("8000", self.port)
        if "agentkit serve" in command:
            self._serve(command, text)
        else:
            assert alike(self._run(command)) == alike(text), command

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, command + done.stdout
        return done.stdout

    def _serve(self, command: str, shown: str) -> None:
        log = self.folder / "serve.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                ["bash", "-c", command.replace("agentkit serve", "exec agentkit serve")],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.servers.append(server)
        for _ in range(600):
            if shown.strip() in log.read_text():
                return
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        raise AssertionError(f"{shown!r} is not in {log.read_text()!r}")

    def leave(self) -> None:
        for server in self.servers:
            server.terminate()
            server.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_every_python_snippet_of_the_tutorial_is_a_file_that_is_written() -> None:
    files = [what for what, _ in steps() if not what.startswith("$ ")]
    assert PAGE.count("```python") == len(files) >= 5


@pytest.mark.slow
def test_someone_who_copies_the_tutorial_sees_what_it_shows(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    try:
        for what, text in steps():
            newcomer.follow(what, text)
    finally:
        newcomer.leave()
