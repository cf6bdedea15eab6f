"""One virtual environment for each peer, so that nobody's dependencies decide another's figures."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

from .places import ROOT, WORK

# agentkit and the bare loops share one environment, and with it the versions of httpx, anyio and pydantic.
PACKAGES: dict[str, tuple[str, ...]] = {
    "agentkit": (f"{ROOT}[fast]", "orjson"),
    "without_sniffio": ("httpx", "pydantic", "orjson"),
    "openai_sdk": ("openai", "orjson"),
    "openai_agents": ("openai-agents",),
    "pydantic_ai": ("pydantic-ai-slim[openai]",),
    "langchain": ("langchain", "langchain-openai"),
    "strands": ("strands-agents[openai]",),
    "agno": ("agno", "openai"),
    "smolagents": ("smolagents[openai]",),
    "google_adk": ("google-adk", "litellm", "mcp"),
}


class NotInstalled(Exception):
    """An environment could not be made; the text says why."""


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made when it does not exist. Raises NotInstalled."""
    folder = WORK / "environments" / name
    python = folder / "bin" / "python"
    done = folder / "packages"
    if not done.exists() or done.read_text() != repr(PACKAGES[name]):
        print(f"environment {name}: {' '.join(PACKAGES[name])}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        packages = [f"-e{package}" if package.startswith(str(ROOT)) else package for package in PACKAGES[name]]
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=1200)
        if installed.returncode:
            raise NotInstalled(installed.stderr.strip()[-300:] or "pip failed")
        done.write_text(repr(PACKAGES[name]))
    return python


def versions(name: str) -> dict[str, str]:
    """Version by distribution, of what the environment holds."""
    command = [str(python_of(name)), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return {row["name"].lower(): row["version"] for row in json.loads(listed.stdout)}
