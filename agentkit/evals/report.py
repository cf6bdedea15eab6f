"""Report: what an eval found; plain JSON, and a page for people."""

from __future__ import annotations

from decimal import Decimal
from statistics import fmean, median
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agentkit.chat.wire import configuration_error

from .case import Trial
from .intervals import Interval, share

_PLAIN = ConfigDict(frozen=True, extra="forbid")


class CallReport(BaseModel):
    """A tool call of a trial."""

    model_config = _PLAIN
    tool: str
    arguments: str
    status: str
    result: str


class TrialReport(BaseModel):
    """One conversation: what was said and done, its scores by scorer name, and what it took."""

    model_config = _PLAIN
    scores: dict[str, float | None]
    output: Any = None
    error: str | None = None
    waiting: tuple[str, ...] = ()
    calls: tuple[CallReport, ...] = ()
    tokens: int = 0
    requests: int = 0
    usd: Decimal | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, trial: Trial, scores: dict[str, float | None]) -> TrialReport:
        """The trial without its objects."""
        output = trial.output.model_dump(mode="json") if isinstance(trial.output, BaseModel) else trial.output
        calls = tuple(
            CallReport(
                tool=call.name,
                arguments=call.arguments,
                status=call.result.status if call.result is not None else call.phase,
                result=call.content,
            )
            for call in trial.calls
        )
        return cls(
            scores=scores,
            output=output,
            error=f"{type(trial.error).__name__}: {trial.error}" if trial.error is not None else None,
            waiting=trial.waiting,
            calls=calls,
            tokens=trial.usage.total_tokens,
            requests=trial.usage.requests,
            usd=trial.cost,
            seconds=trial.seconds,
        )


class CaseReport(BaseModel):
    """The trials of one case."""

    model_config = _PLAIN
    name: str
    trials: tuple[TrialReport, ...]

    def mean(self, scorer: str) -> float | None:
        """Its mean score over the trials; None when the scorer had nothing to say."""
        scores = [score for trial in self.trials if (score := trial.scores.get(scorer)) is not None]
        return fmean(scores) if scores else None

    @property
    def reliable(self) -> bool:
        """Whether every score of every trial was full."""
        return all(score in (None, 1) for trial in self.trials for score in trial.scores.values())


class Report(BaseModel):
    """What a suite found. `model_dump_json` writes it, `model_validate_json` reads it, `html()` shows it."""

    model_config = _PLAIN
    name: str
    cases: tuple[CaseReport, ...]
    thresholds: dict[str, float] = {}
    version: int = 1

    @classmethod
    def read(cls, text: str | bytes) -> Report:
        """A report as it was written. Raises ConfigurationError for anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise configuration_error("report", error) from None

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of what was scored."""
        names = [name for case in self.cases for trial in case.trials for name in trial.scores]
        return tuple(dict.fromkeys(names))

    @property
    def scores(self) -> dict[str, Interval]:
        """The mean score over the cases by scorer, with its 95 % interval."""
        found: dict[str, Interval] = {}
        for scorer in self.scorers:
            means = [score for case in self.cases if (score := case.mean(scorer)) is not None]
            if means:
                found[scorer] = share(means)
        return found

    @property
    def reliable(self) -> Interval:
        """The share of cases in which every trial got every score in full."""
        return share([float(case.reliable) for case in self.cases])

    @property
    def missed(self) -> dict[str, tuple[float, float]]:
        """(score, threshold) of what stayed below its threshold."""
        scores = self.scores
        found = {
            name: (scores[name].value if name in scores else 0.0, least) for name, least in self.thresholds.items()
        }
        return {name: pair for name, pair in found.items() if pair[0] < pair[1]}

    @property
    def passed(self) -> bool:
        """Whether every threshold was met."""
        return not self.missed

    @property
    def trials(self) -> tuple[TrialReport, ...]:
        """Every trial."""
        return tuple(trial for case in self.cases for trial in case.trials)

    @property
    def usd(self) -> Decimal | None:
        """What all trials cost; None when one's cost is not known."""
        spent = [trial.usd for trial in self.trials]
        return None if None in spent else sum((usd for usd in spent if usd is not None), Decimal())

    @property
    def seconds(self) -> float:
        """The median of the trials."""
        return median(trial.seconds for trial in self.trials)

    def __str__(self) -> str:
        rows = [f"{name:<24} {score}" for name, score in self.scores.items()]
        usd = self.usd
        cost = "cost unknown" if usd is None else f"{usd:.4f} USD"
        failed = sum(trial.error is not None for trial in self.trials)
        head = f"{self.name}: {len(self.cases)} cases, {len(self.trials)} trials, {failed} failed"
        tail = f"every trial in full: {self.reliable}; median {self.seconds:.2f} s, {cost}"
        missed = [f"below its threshold: {name} {got:.3f} < {least:g}" for name, (got, least) in self.missed.items()]
        return "\n".join([head, *rows, tail, *missed])

    def html(self) -> str:
        """A page that needs nothing else: scores with intervals, times, tokens, and every trial."""
        from .page import page

        return page(self)
