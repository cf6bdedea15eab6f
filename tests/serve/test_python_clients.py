"""Further Python clients against a served agent: `langchain-openai`, `pydantic-ai` and the `llm` command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .clients import SCRIPTS, client_python, run
from .shop import KEY, open_shop

pytestmark = pytest.mark.slow
TEXT = "I am the offline model. You said: hello I have no tools."


def test_langchain_openai() -> None:
    with open_shop() as (url, _):
        script = str(SCRIPTS / "python" / "langchain_client.py")
        seen = json.loads(run([client_python("python"), script, url, KEY]))
    assert seen == {
        "chat": TEXT,
        "usage": True,
        "stream": TEXT,
        "streamUsage": True,
        "json_schema": "Place",
        "function_calling": "Place",
        "logprobs": TEXT,
        "tool": "4; rain in Oslo",
        "errors": [404, 400, 429],
    }


def test_pydantic_ai() -> None:
    with open_shop() as (url, _):
        script = str(SCRIPTS / "python" / "pydantic_ai_client.py")
        seen = json.loads(run([client_python("python"), script, url, KEY]))
    assert seen == {
        "chat": TEXT,
        "usage": True,
        "stream": TEXT,
        "output": "Place",
        "tool": "4; rain in Oslo",
        "streamedTool": "4; rain in Oslo",
        "errors": [404, 429],
    }


def test_the_llm_command(tmp_path: Path) -> None:
    function = "def get_weather(city: str) -> str:\n    'Weather of a city.'\n    return f'rain in {city}'\n"
    with open_shop() as (url, _):
        models = "".join(
            f"- {{model_id: my-{name}, model_name: {name}, api_base: '{url}', api_key_name: served, "
            "supports_tools: true, supports_schema: true}\n"
            for name in ("offline", "clerk")
        )
        (tmp_path / "extra-openai-models.yaml").write_text(models)
        (tmp_path / "keys.json").write_text(json.dumps({"served": KEY}))

        def llm(*arguments: str) -> str:
            return run([client_python("llm"), *arguments], LLM_USER_PATH=str(tmp_path)).strip()

        assert llm("-m", "my-offline", "hello") == TEXT
        assert llm("-m", "my-offline", "--no-stream", "hello") == TEXT
        assert set(json.loads(llm("-m", "my-offline", "--schema", "city, degrees int", "hello"))) == {"city", "degrees"}
        assert llm("-m", "my-clerk", "--functions", function, "hello") == "4; rain in Oslo"
        assert llm("-m", "my-clerk", "--no-stream", "--functions", function, "hello") == "4; rain in Oslo"
