"""Keys that cannot be shown by accident (S13)."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Iterable, Mapping
from typing import NoReturn, cast

from agentkit.errors import ConfigurationError

_VISIBLE = re.compile(r"[\x21-\x7e]+\Z")
_PATTERNS = re.compile(r"\b(?:sk|pk|gsk|xai|AIza|ghp|hf)[-_][A-Za-z0-9_\-]{12,}|(?<=Bearer )[\x21-\x7e]+")
HIDDEN = "***"
_TELLING = 6  # more characters than these of a key's beginning are hidden too; shorter keys only from its own client
_TELLING_NAME = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
_LOCK = threading.Lock()
_LIVING: weakref.WeakSet[Secret] = weakref.WeakSet()


class Secret:
    """A text that neither repr, str, format, vars, copies nor pickles show; `reveal` does.

    While one lives, `scrub` knows its words: a tool's error is cleaned of the client's key too.
    """

    __slots__ = ("__value", "__weakref__")

    def __init__(self, value: str) -> None:
        self.__value = value
        with _LOCK:
            _LIVING.add(self)

    def reveal(self) -> str:
        """The text itself, for whoever it is meant for."""
        return self.__value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def api_key(value: str, name: str = "api_key") -> Secret:
    """A key as a header can carry it. Raises ConfigurationError for anything else, without showing it."""
    if not isinstance(cast("object", value), str):
        raise ConfigurationError(f"{name} is {type(value).__name__}; give the key as a text")
    value = value.strip()
    if not _VISIBLE.match(value):
        raise ConfigurationError(
            f"{name} is {'not printable ASCII without spaces' if value else 'empty'}; give it as it was issued"
        )
    return Secret(value)


def hidden_headers(headers: Mapping[str, str] | None) -> dict[str, str | Secret]:
    """The headers, those that carry a key by their name as secrets."""
    given = headers or {}
    return {name: Secret(value) if _TELLING_NAME.search(name) else value for name, value in given.items()}


def revealed_headers(headers: Mapping[str, str | Secret]) -> dict[str, str]:
    """The headers as they are sent."""
    return {name: value if isinstance(value, str) else value.reveal() for name, value in headers.items()}


def scrub(text: str, secrets: Iterable[Secret] = ()) -> str:
    """The text without these secrets and without any living one, and without anything that looks like a key."""
    with _LOCK:
        living = list(_LIVING)
    words = {word for secret in living for word in secret.reveal().split() if len(word) > _TELLING}
    for key in sorted({*words, *(secret.reveal() for secret in secrets)}, key=len, reverse=True):
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
