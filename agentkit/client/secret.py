"""Keys that cannot be shown by accident (S13)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from agentkit.errors import ConfigurationError

_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
_PATTERNS = re.compile(r"\b(?:sk|pk|gsk|xai|AIza|ghp|hf)[-_][A-Za-z0-9_\-]{12,}|(?<=Bearer )[\x21-\x7e]+")
HIDDEN = "***"


class Secret:
    """A key. Neither repr, str, format, vars, copies nor pickles show it; `reveal` does."""

    __slots__ = ("__value",)

    def __init__(self, value: str, name: str = "api_key") -> None:
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
        text = text.replace(secret.reveal(), HIDDEN)
    return _PATTERNS.sub(HIDDEN, text)
