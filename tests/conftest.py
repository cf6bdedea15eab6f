"""What every test gets: both event loops, and an environment without keys."""

import os

import pytest
from hypothesis import settings

from tests.fault_cases import cases, pytest_terminal_summary
from tests.postgres import dsn, postgres_server

# Fixtures and hooks are found here.
__all__ = ["cases", "dsn", "postgres_server", "pytest_terminal_summary"]

EXAMPLES = int(os.environ.get("EXAMPLES", "100"))  # of each property; `make long` tries 20,000
settings.register_profile("project", deadline=None, max_examples=EXAMPLES)  # a busy machine is no fault of an example
settings.load_profile("project")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def environment_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own endpoint must neither be asked nor change what a test sees."""
    for name in list(os.environ):
        if name.startswith(("AGENTKIT_", "OPENAI_")):
            monkeypatch.delenv(name)
