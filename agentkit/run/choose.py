"""Which of several choices goes on (n > 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agentkit.chat import Choice
from agentkit.errors import ConfigurationError

from .confidence import mean_logprob, same_answer
from .spec import Choose


def choose(how: Choose, choices: Sequence[Choice]) -> Choice:
    """The first, the most confident, the one most others agree with, or what a function picks."""
    if len(choices) == 1 or how == "first":
        return choices[0]
    if how == "most_confident":
        return max(choices, key=mean_logprob)
    if how == "majority":
        keys = [same_answer(choice) for choice in choices]
        winner = Counter(keys).most_common(1)[0][0]
        return choices[keys.index(winner)]
    if isinstance(how, str):
        raise ConfigurationError(f"choose={how!r}: use 'first', 'most_confident', 'majority' or a function")
    picked = how(choices)
    if not any(picked is choice for choice in choices):
        raise ConfigurationError("the function given as choose= must return one of the choices it got")
    return picked
