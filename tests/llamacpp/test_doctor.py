"""What `agentkit doctor` finds of llama.cpp's own server."""

import json

import pytest
from click.testing import CliRunner

from agentkit.cli.commands import agentkit


def test_the_doctor_finds_what_the_server_supports(llamacpp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_BASE_URL", llamacpp)
    done = CliRunner().invoke(agentkit, ["doctor", "tiny", "--json"])
    assert done.exit_code == 0, done.output
    verdicts = {name: found["verdict"] for name, found in json.loads(done.stdout).items()}
    certain = {
        name: verdict for name, verdict in verdicts.items() if name not in ("parallel calls", "named tool choice")
    }
    assert certain == dict.fromkeys(certain, "yes")
    assert len(certain) == 16
