"""What type checkers take as settings: checked by mypy and pyright, not run."""

from collections.abc import Mapping
from typing import Any, assert_type

from agentkit import Agent, Settings
from agentkit.chat import FunctionChoice, StreamOptions, TextFormat, ToolChoice


def wire_objects_as_well_as_models(
    names: list[str], bias: Mapping[str, int], response: dict[str, Any], choice: FunctionChoice
) -> None:
    Settings(temperature=1, top_p=0.5, seed=None, logit_bias=bias)
    Settings(stop="END")
    Settings(stop=["END", "STOP"], modalities=["text"])
    Settings(stop=names, metadata={"team": "a"})
    Settings(tool_choice="required", verbosity="low")
    Settings(tool_choice=choice)
    Settings(tool_choice={"type": "function", "function": {"name": "f"}})
    Settings(response_format=TextFormat(), stream_options=StreamOptions(include_usage=False))
    Settings(response_format=response, stream_options={"include_usage": False})
    Settings(extra={"top_k": 5})


def fields_have_their_types(settings: Settings) -> None:
    assert_type(settings.temperature, float | None)
    assert_type(settings.stop, str | tuple[str, ...] | None)
    assert_type(settings.tool_choice, ToolChoice | None)
    assert_type(settings.merged(Settings(n=2)), Settings)


def wherever_settings_go(agent: Agent[None, str]) -> None:
    agent.run_sync("hi", settings=Settings(n=2))
    agent.run_sync("hi", settings=None)
    agent.replace(settings=Settings(seed=1))
