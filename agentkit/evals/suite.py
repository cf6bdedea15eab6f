"""Suite: cases, tried some times each, side by side."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import anyio

from agentkit.agent import Agent
from agentkit.errors import AgentKitError, ConfigurationError, refuse_no_count
from agentkit.journal import Call, RunState, Session
from agentkit.middleware import cost_of
from agentkit.middleware.prices import Prices
from agentkit.models import RecordedModel
from agentkit.run import RunResult
from agentkit.run.group import plain_group

from .case import Case, Trial
from .report import CaseReport, Report, TrialReport
from .scorers import Scorer, names_of

Progress = Callable[[int, int], None]
"""Told after each trial: how many are over, of how many."""


@dataclass(frozen=True)
class Suite:
    """What an agent is measured by: `report = await Suite(agent, cases).run()`.

    scorers: of every case. trials: of each case. deps: makes what the tools of one trial work on, fresh for each.
    decide: gives a state whose calls wait its decisions (`lambda state: state.approve(state.waiting[0])`); without it
    a trial ends there. cassette: a file of RecordedModel; the model is asked for what it lacks. thresholds: by scorer
    name, the least mean score; `report.passed` tells. prices: see `cost`.
    """

    agent: Agent[Any, Any]
    cases: Sequence[Case]
    scorers: Sequence[Scorer] = ()
    name: str = ""
    trials: int = 1
    deps: Callable[[], object] | None = None
    decide: Callable[[RunState], RunState] | None = None
    cassette: str | os.PathLike[str] | None = None
    thresholds: dict[str, float] | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        refuse_no_count("Suite: trials", self.trials)
        if not self.cases:
            raise ConfigurationError("Suite: give it cases: Suite(agent, [Case('...')])")
        names = [case.name for case in self.cases]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"Suite: two cases are named {twice!r}; give one another name=")
        known = {name for case in self.cases for name in names_of([*self.scorers, *case.scorers])}
        unknown = next((name for name in self.thresholds or {} if name not in known), None)
        if unknown is not None:
            raise ConfigurationError(f"Suite: no scorer is named {unknown!r}; there are: {', '.join(sorted(known))}")

    async def run(self, *, concurrency: int = 8, progress: Progress | None = None) -> Report:
        """Try every case. A trial that ends with an error is scored like any other; it does not end the suite."""
        refuse_no_count("Suite.run: concurrency", concurrency)
        limiter, total = anyio.CapacityLimiter(concurrency), len(self.cases) * self.trials
        done: dict[tuple[int, int], TrialReport] = {}

        async def attempt(place: int, number: int) -> None:
            async with limiter:
                trial = await self._trial(self.cases[place], number)
                done[place, number] = TrialReport.of(trial, await _scores(trial, self.scorers))
                if progress is not None:
                    progress(len(done), total)

        with ExitStack() as stack:
            if self.cassette is not None:
                recorded = RecordedModel(self.cassette, self.agent.spec.model, record="missing")
                stack.enter_context(self.agent.override(model=recorded))
            async with self.agent, plain_group() as group:
                for place in range(len(self.cases)):
                    for number in range(self.trials):
                        group.start_soon(attempt, place, number)
        rows = [
            CaseReport(name=case.name, trials=tuple(done[place, number] for number in range(self.trials)))
            for place, case in enumerate(self.cases)
        ]
        return Report(name=self.name or self.agent.spec.name, cases=tuple(rows), thresholds=dict(self.thresholds or {}))

    async def _trial(self, case: Case, number: int) -> Trial:
        deps = self.deps() if self.deps is not None else None
        session = Session()
        result: RunResult[Any] | None = None
        error: AgentKitError | None = None
        completions: list[Any] = []
        began = time.perf_counter()
        try:
            for text in case.turns:
                result = await self.agent.run(text, deps=deps, session=session)
                completions += result.completions
                while result.status == "waiting" and self.decide is not None:
                    result = await self.agent.run(self.decide(result.state), deps=deps, session=session)
                    completions += result.completions
        except AgentKitError as failed:
            error = failed
        seconds = time.perf_counter() - began
        state = await session.load()
        finished = error is None and result is not None and result.status == "done"
        return Trial(
            case,
            number,
            output=result.output if result is not None and finished else None,
            error=error,
            waiting=tuple(waiting.tool for waiting in state.waiting),
            calls=_calls(state),
            messages=state.messages,
            usage=state.usage,
            cost=_cost(completions, self.prices),
            seconds=seconds,
            deps=deps,
        )


def _cost(completions: Sequence[Any], prices: Prices | None) -> Any:
    try:
        return cost_of(completions, prices)
    except ConfigurationError:  # the table of prices is not installed: not known
        return None


def _calls(state: RunState) -> tuple[Call, ...]:
    """Every call of the journal as it ended."""
    found: dict[str, Call] = {}
    at = RunState(journal=state.journal)
    for entry in state.entries:
        at = at.apply(entry)
        found.update(at.calls)
    return tuple(found.values())


async def _scores(trial: Trial, scorers: Sequence[Scorer]) -> dict[str, float | None]:
    """Scores by name; of several scorers of one name the lowest counts: all of them have to hold."""
    found: dict[str, float | None] = {}
    every = [*scorers, *trial.case.scorers]
    for name, scorer in zip(names_of(every), every, strict=True):
        score: Any = 0.0 if trial.error is not None else scorer(trial)
        if inspect.isawaitable(score):
            score = await score
        if score is None:
            found.setdefault(name, None)
            continue
        if not 0 <= score <= 1:
            raise ConfigurationError(f"scorer {name!r} gave {score!r} for {trial.case.name!r}; give 0 to 1, or None")
        before = found.get(name)
        found[name] = float(score) if before is None else min(before, float(score))
    return found
