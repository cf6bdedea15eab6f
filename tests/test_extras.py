"""What needs no extra works without one, and what needs one names it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# What the extras bring, without that which the others need too.
PACKAGES = "aiohttp click genai_prices httpx_aiohttp mcp opentelemetry psycopg rich starlette uvicorn yaml"
WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({PACKAGES!r}.split()))
"""
NEEDS = {
    "cli": "from agentkit.cli import main; main()",
    "fast": "from agentkit.client.transport import make_transport; make_transport('aiohttp', True, None)",
    "mcp": "from agentkit.tools.mcp_connection import sdk; sdk()",
    "openapi": "from agentkit import OpenAPI; OpenAPI('openapi: 3.1.0\\n', base_url='https://x.example')",
    "otel": "from agentkit.middleware import Tracing; Tracing()",
    "postgres": "import asyncio, agentkit; asyncio.run(agentkit.PostgresStore('postgresql://127.0.0.1/a').load('a'))",
    "prices": "from agentkit import Usage; from agentkit.middleware.prices import cost; cost('gpt-5', Usage())",
    "serve": "import agentkit.serve",
}


def without_extras(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT + program], capture_output=True, text=True, timeout=60, cwd=ROOT
    )


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"dev"}))
def test_what_needs_an_extra_names_it(extra: str) -> None:
    done = without_extras(NEEDS[extra])
    assert f"needs the extra `{extra}`: pip install 'agentkit[{extra}]'" in done.stderr.splitlines()[-1], done.stderr


def test_everything_else_is_imported_without_extras() -> None:
    done = without_extras(
        "import importlib, pkgutil, agentkit\n"
        "for module in pkgutil.walk_packages(agentkit.__path__, 'agentkit.', onerror=lambda name: None):\n"
        "    if not module.name.startswith(('agentkit.serve', 'agentkit.cli')):\n"
        "        importlib.import_module(module.name)\n"
    )
    assert done.returncode == 0, done.stderr


def test_the_readme_lists_every_extra() -> None:
    table = (ROOT / "README.md").read_text().partition("| extra | for |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if row else "")}
    assert listed == EXTRAS.keys() - {"dev"}


def test_dev_brings_every_extra() -> None:
    needed = {need for extra in EXTRAS.keys() - {"dev"} for need in EXTRAS[extra]}
    assert {re.split(r"[\[><=]", need)[0] for need in needed} <= {re.split(r"[\[><=]", d)[0] for d in EXTRAS["dev"]} | {
        "opentelemetry-api"  # of the SDK
    }
