"""The commands of docs/command-line.md, run in order in one folder, print what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.programs import environment
from tests.snippets import snippets

PAGE = (Path(__file__).parent.parent.parent / "docs" / "command-line.md").read_text(encoding="utf-8")


def commands() -> Iterator[tuple[str, str]]:
    """(command, what it prints) of each `$` line in the page's console blocks."""
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def alike(output: str) -> str:
    """The output without what is another each time: ids, times and counts, and the columns they shift."""
    output = re.sub(r"\b[0-9a-f]{8,}\b", "ID", output)
    output = re.sub(r"\d+(\.\d+)? m?s\b", "TIME", re.sub(r"[\d-]{10} [\d:]{8}", "WHEN", output))
    output = re.sub(r"\+\d+\.\d+", "+SINCE", output)
    return "\n".join(" ".join(line.split()) for line in output.strip().splitlines())


@pytest.mark.slow
def test_the_commands_of_the_page_print_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(next(snippets(PAGE)).lstrip())
    program = tmp_path / "bin" / "agentkit"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom agentkit.cli import main\nmain()\n")
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    shown = [*commands()]
    assert len(shown) >= 10
    for command, output in shown:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment(PATH=path),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, command + done.stdout
        assert alike(done.stdout) == alike(output), command
