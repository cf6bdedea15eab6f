"""The clients of npm against a served agent: `openai`, and `ai` with `@ai-sdk/openai-compatible`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .clients import SCRIPTS, run_node
from .shop import KEY, open_shop

pytestmark = pytest.mark.slow
TEXT = "I am the offline model. You said: hello I have no tools."


def test_openai_of_npm(tmp_path: Path) -> None:
    with open_shop() as (url, shop):
        seen = json.loads(run_node(SCRIPTS / "node" / "openai.mjs", tmp_path, url, KEY))
        assert shop.slow.stopped.wait(10)
    assert seen.pop("requestId").startswith("req_")
    assert seen.pop("usage") > 0
    assert seen == {
        "chat": TEXT,
        "stream": TEXT,
        "helper": TEXT,
        "parsed": ["city", "degrees"],
        "logprobs": TEXT,
        "tool": ["tool_calls", "get_weather", '{"city":"Oslo"}'],
        "afterTool": "4; snow",
        "runner": "4; rain in Oslo",
        "aborted": "well",
        "errors": [
            "NotFoundError",
            "BadRequestError",
            "RateLimitError",
            "InternalServerError",
            "AuthenticationError",
        ],
    }


def test_ai_of_npm(tmp_path: Path) -> None:
    with open_shop() as (url, shop):
        seen = json.loads(run_node(SCRIPTS / "node" / "ai.mjs", tmp_path, url, KEY))
        assert shop.slow.stopped.wait(10)
    assert seen == {
        "chat": TEXT,
        "usage": True,
        "stream": TEXT,
        "streamUsage": True,
        "finish": "stop",
        "output": ["city"],
        "tool": ["tool-calls", "get_weather", {"city": "Oslo"}],
        "steps": [2, "4; rain in Oslo"],
        "streamedSteps": "4; snow in Oslo",
        "aborted": "well",
        "errors": [404, 400, 429],
    }
