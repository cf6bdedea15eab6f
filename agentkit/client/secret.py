"""Keys that cannot be shown by accident (S13)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn, cast

from agentkit.errors import ConfigurationError

_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
_PATTERNS = re.compile(r"\b(?:sk|pk|gsk|xai|AIza|ghp|hf)[-_][A-Za-z0-9_\-]{12,}|(?<=Bearer )[\x21-\x7e]+")
HIDDEN = "***"
_TELLING = 6  # more characters than these of a key's beginning are hidden too


class Secret:
    """A key. Neither repr, str, format, vars, copies nor pickles show it; `reveal` does."""

    __slots__ = ("__value",)

    def __init__(self, value: str, name: str = "api_key") -> None:
        if not isinstance(cast("object", value), str):
            raise ConfigurationError(f"{name} is {type(value).__name__}; give the key as a text")
        value = value.strip()
        if not _VISIBLE.match(value):
            raise ConfigurationError(
                f"{name} is {'not printable ASCII without spaces' if value else 'empty'}; give it as it was issued"
            )
        self.__value = value

    def reveal(self) -> str:
        """The key itself, for the header that carries it."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def scrub(text: str, secrets: Iterable[Secret] = ()) -> str:
    """The text without these keys, and without anything that looks like one."""
    for secret in secrets:
        key = secret.reveal()
        text = text.replace(key, HIDDEN)
        cut = next((n for n in range(len(key) - 1, _TELLING, -1) if text.endswith(key[:n])), 0)
        text = text[: len(text) - cut] + HIDDEN if cut else text  # an excerpt may end inside the key
    return _PATTERNS.sub(HIDDEN, text)


def scrub_error(error: BaseException, secrets: Iterable[Secret]) -> None:
    """Scrub what an error and its causes tell: every message and every field that is a text."""
    at: BaseException | None = error
    while at is not None:
        at.args = tuple(scrub(arg, secrets) if isinstance(arg, str) else arg for arg in at.args)
        for name, value in vars(at).items():
            if isinstance(value, str):
                setattr(at, name, scrub(value, secrets))
        at = at.__cause__
