"""The three assistants over llama.cpp's own server: its model calls tools at random, and they keep their promises."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from agentkit import RemoteModel, Settings
from agentkit.evals import Suite

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SOME = 8  # cases of each suite


@pytest.mark.parametrize(
    ("module", "agents", "guard"),
    [
        ("desk_evals", ["desk:desk_agent"], "never_too_much"),
        ("analyst_evals", ["analyst:analyst"], "reads_only"),
        ("travel_evals", ["travel:front", "travel:flights", "travel:hotels"], "within_budget"),
    ],
)
async def test_whatever_a_real_endpoint_answers_the_assistants_guards_hold(
    llamacpp: str, module: str, agents: list[str], guard: str
) -> None:
    suite: Suite = importlib.import_module(module).suite
    model = RemoteModel("tiny", base_url=llamacpp)
    found: list[Any] = [getattr(importlib.import_module(name.split(":")[0]), name.split(":")[1]) for name in agents]
    with ExitStack() as stack:
        for agent in found:
            stack.enter_context(agent.override(model=model, settings=Settings(seed=7, max_completion_tokens=100)))
        report = await replace(suite, cases=suite.cases[:SOME], thresholds=None).run(concurrency=4)
    assert len(report.trials) == SOME
    assert sum(len(trial.calls) for trial in report.trials) >= SOME // 2  # it does call tools
    assert all(trial.error is None or ": " in trial.error for trial in report.trials)
    held = [trial.scores[guard] for trial in report.trials if trial.error is None]
    assert held == [1.0] * len(held)
    assert held != []
