"""Where `.ci/run` installs clients that have no place in the development environment, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path.home() / ".cache" / "agentkit-tests"
NODE = Path(os.environ.get("NODE_CLIENTS") or CACHE / "node")
PYTHON = Path(os.environ.get("PYTHON_CLIENTS") or CACHE / "python")
SCRIPTS = Path(__file__).parent


def run_node(script: Path, folder: Path, *arguments: str) -> str:
    """What a module prints that imports the installed packages; it is run from a copy in `folder`."""
    if shutil.which("node") is None or not (NODE / "node_modules").is_dir():
        pytest.skip(
            f"node, or its clients in {NODE}, are not installed: npm install --prefix {NODE} {SCRIPTS / 'node'}"
        )
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(NODE / "node_modules", target_is_directory=True)
    copy = folder / script.name
    shutil.copy(script, copy)
    return run(["node", str(copy), *arguments])


def client_python(name: str) -> str:
    """A program of the environment with the further Python clients."""
    program = PYTHON / "bin" / name
    if not program.exists():
        pytest.skip(
            f"{program} is not installed: make a virtual environment there with {SCRIPTS / 'python' / 'requirements.txt'}"
        )
    return str(program)


def run(command: list[str], **environment: str) -> str:
    """What a program prints; it must end well, without a word of this machine's keys and proxies."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env={**kept, **environment})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
