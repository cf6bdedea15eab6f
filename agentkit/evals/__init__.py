"""Evals: cases, what is scored of them, and what the scores are worth."""

from .case import Case, Trial
from .compare import Comparison, Difference, compare
from .intervals import Interval
from .report import CaseReport, Report, TrialReport
from .scorers import (
    Score,
    Scorer,
    called,
    called_in_order,
    called_only,
    contains,
    costs_at_most,
    ends_with_state,
    judged,
    matches,
    output_is,
    takes_at_most,
)
from .suite import Suite

__all__ = [
    "Case",
    "CaseReport",
    "Comparison",
    "Difference",
    "Interval",
    "Report",
    "Score",
    "Scorer",
    "Suite",
    "Trial",
    "TrialReport",
    "called",
    "called_in_order",
    "called_only",
    "compare",
    "contains",
    "costs_at_most",
    "ends_with_state",
    "judged",
    "matches",
    "output_is",
    "takes_at_most",
]
